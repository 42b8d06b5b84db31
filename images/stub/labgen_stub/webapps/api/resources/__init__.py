"""Resources of the REST API (platform.md 2.3), declared rather than programmed.

- `model`      what a resource is: fields, links, references, who may do what
- `statements` its SQL, `values` what a client may send, `paging` how lists are asked for
- `documents`  how it looks, `endpoint` what it answers
- `directory`, `infrastructure`, `repository`, `cloud`  the declarations: a new resource is a few lines there
"""
