"""HTTP to the provider: what leaves, what came back, and what that is evidence of.

| module | responsibility |
|---|---|
| `client` | `PecClient`: one method for each call of the service |
| `transport` | the HTTP client, and one POST: had a byte of it left? |
| `aio` | httpx's transport seam over aiohttp: tells when the first byte is next |
| `outcomes` | evidence of one POST to its `Outcome`: pure and total |
| `reading` | GET and DELETE: retried, and told apart as errors |
| `parsing` | tolerant reading of the provider's JSON |
| `slips` | JSON with commas too many and values missing; never for POST /send |
| `lookups` | two questions that cost: a company's address, a domain |
| `registry` | `Registry`: one method for each call of a mailbox's life |
| `changes` | what came of a request that changes a mailbox, sent once |
| `fulfilment` | whether a mailbox stands as the request wanted it |
| `personal` | what a registration holds that no error may repeat |
| `refusals` | how the registry says no: codes, words, plain texts |
| `registrations` | the registry's JSON as registrations |
| `address` | base URLs, and texts as segments of a path |
| `wire` | one request on a connection of aiohttp's |
| `payload` | the body of POST /send |
| `veil` | keeps secrets out of what people read |

Nothing else in bulk-pec knows the provider's JSON keys or HTTP statuses.
"""
