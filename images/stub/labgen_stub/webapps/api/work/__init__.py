"""Everything of the API that does not end with the answer to a request.

A request writes what it starts in one transaction of MySQL: the virtual machine that is now locked, the
task, its jobs, an event, and the messages that tell others. The leader sends the messages, and takes what
comes back: again one transaction for each. Every one of them may happen twice, and in any order, because a
server may be killed between any two lines.

- `subject`       the virtual machine that work is about, locked for a transaction
- `place`, `leases`, `disks`  where it runs, what it is called on the network, what it boots from
- `outbox`, `happenings`      what others are told
- `tasks`, `jobs`             what is going on
- `starting`, `changing`, `lists`  what users ask for
- `answers`, `sightings`, `arrivals`  what servers report
- `lessor`                    writes leases where that is the API's
- `leader`, `watchdog`, `purge`  who does it, and who looks after what got stuck, or old
- `routes`, `documents`       how it looks in the REST API
"""
