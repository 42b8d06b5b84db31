"""Stage 2, plan: catalogue and specification in, one frozen `LabPlan` out; a pure function."""
