"""HTTP to the provider: what leaves, what came back, and what that is evidence of.

| file | responsibility |
|---|---|
| client.py | `PecClient`: one method for each call of the service |
| transport.py | the HTTP client, and one POST: had a byte of it left? |
| aio.py | httpx's transport seam over aiohttp: tells when the first byte is next |
| outcomes.py | evidence of one POST to its `Outcome`: pure and total |
| reading.py | GET and DELETE: retried, and told apart as errors |
| parsing.py | tolerant reading of the provider's JSON |
| slips.py | JSON with commas too many and values missing; never for POST /send |
| lookups.py | two questions that cost: a company's address, a domain |
| registry.py | `Registry`: one method for each call of a mailbox's life |
| changes.py | what came of a request that changes a mailbox, sent once |
| fulfilment.py | whether a mailbox stands as the request wanted it |
| personal.py | what a registration holds that no error may repeat |
| refusals.py | how the registry says no: codes, words, plain texts |
| registrations.py | the registry's JSON as registrations |
| address.py | base URLs, and texts as segments of a path |
| wire.py | one request on a connection of aiohttp's |
| payload.py | the body of POST /send |
| veil.py | keeps secrets out of what people read |

Nothing else in bulk-pec knows the provider's JSON keys or HTTP statuses.
"""
