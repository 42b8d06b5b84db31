"""The emulated servers of the platform: API, M, RS, BPM and PRS are this one application.

Layers, each importing only those before it:

- `wire`     protocol adapters, one module per protocol; they know hosts and bytes, no roles
- `settings` who this node is (`node.json`, environment, secrets)
- `links`    connections that live as long as the process (broker, ZooKeeper, Redis)
- `roles`    what a role asks of its neighbours, as data
- `web`      HTTP matters that all web applications share (media types, errors, log)
- `webapps`  behaviour, one module per web application, found by its context path
- `server`   puts them together and runs them
"""
