"""The JSON that Studio's pages and its back end exchange. `make manifests` generates the types of TypeScript from it.

| request | body | answer |
|---|---|---|
| POST /api/session | SignIn | Session, and the cookie |
| GET /api/session | | Session |
| DELETE /api/session | | 204, and the cookie is deleted |
| GET /api/stream?namespace=NS (or `*`) | | server-sent events: `runs` (RunsUpdate), `connection` (ConnectionState) |
| GET /api/runs/KIND/NS/NAME | | RunDetail |
| POST /api/runs/KIND/NS/NAME/actions | ActionRequest | RunDetail |
| DELETE /api/runs/KIND/NS/NAME?uid=UID | | 204 |
| POST /api/runs/KIND/NS/NAME/clone | CloneRequest | RunKey |
| POST /api/runs/KIND/NS/NAME/deployment | DeployRequest | RunKey of the ModelServer |
| GET /api/runs/KIND/NS/NAME/history?points=N | | History |
| GET /api/runs/KIND/NS/NAME/log?follow=1&tail=N | | text/plain, a stream |
| GET /api/runs/KIND/NS/NAME/files | | Files |
| GET /api/runs/KIND/NS/NAME/files/PATH | | the file as an attachment |
| GET /api/runs/KIND/NS/NAME/report/data | | data.json, docs/schemas/data.schema.json |
| GET /api/runs/KIND/NS/NAME/report/evaluation | | evaluation.json, docs/schemas/evaluation.schema.json |
| GET /api/runs/KIND/NS/NAME/pictures/NAME.png | | a PNG file at the top of the results, such as importance |
| GET /api/runs/Experiment/NS/NAME/trials | | Trials |
| GET /api/compare?run=KIND/NS/NAME&run=… (at most 200) | | Comparison |
| GET /api/storage?namespace=NS | | Storage |
| POST /api/storage | ConnectStorage | Storage |
| GET /api/catalogue | | the classes of Keras with their arguments: catalogue.json of epochal_api |
| GET /api/catalogue/MODULE/CLASS | | ClassText, the docstring of a class, such as keras.layers/Dense |
| POST /api/check | CheckRequest | Checked |
| GET /api/templates | | Templates |
| POST /api/jobs | SaveRequest | Saved |
| POST /api/import?name=FILE | the bytes of a file of another tool | Imported |
| POST /api/export | ExportRequest | Exported |
| GET /api/capacity | | Capacity |
| GET /api/buckets?STORAGE | | Buckets |
| GET /api/buckets/BUCKET?STORAGE&prefix=P&after=TEXT | | StoredObjects |
| GET /api/buckets/BUCKET/preview?STORAGE&key=K | | Preview |
| PUT /api/buckets/BUCKET/object?STORAGE&key=K&replace=1 | the bytes, a stream | StoredObject |
| GET /api/servers/NS/NAME | | ServedModel |
| GET /api/servers/NS/NAME/usage | | Usage |
| POST /api/servers/NS/NAME/predict?QUERY | a picture | the answer of the model server's /predict |
| POST /api/servers/NS/NAME/predict | OpenInference | the answer of the model server's /v2/models/NAME/infer |

KIND is TrainingJob, Experiment or ModelServer. STORAGE is `namespace=NS&secret=NAME`, and `endpoint=URL`, `region=TEXT`
and `ca=CONFIGMAP` if they differ from the defaults. QUERY has the options `show=true` and `several=true` of the model
server's /predict. Each error has a status above 399 and a Problem as its body.

A page sends each POST and DELETE with the content type application/json. Uploads, imports and predictions may have
other types. They have the header `Epochal-Studio: 1`, which an HTML form of another page cannot send.

The API key of a model server is in the header `X-API-Key` of requests below /api/servers. Studio passes the key on to
the model server, and does not store it. A prediction without a valid key has the status 403 and the reason KeyRequired,
because the status 401 is only for the session. A picture is image/png, image/jpeg or image/webp. OpenInference is a
JSON request, such as `example` in ServedModel.page.

The stream begins with `connection` and a complete list of `runs`, in parts. The event `connection` is repeated at least
every 15 s, so that a page detects a broken network: a comment causes no event in the browser. After 45 s without an
event, the page connects again. A page closes the stream while its tab is hidden, because a browser opens at most six
connections to a host.
"""
