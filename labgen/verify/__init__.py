"""Stage 5, verify: a plan and its running lab in, what was expected against what was measured out."""
