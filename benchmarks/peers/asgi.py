"""The floor: reads the body of a question and answers at once, without a model and without looking at the rows."""

import sys

import uvicorn


async def app(scope, receive, send):
    """Answer any question with the same few bytes, as long as those of a prediction."""
    more = scope["type"] == "http"
    while more:
        more = (await receive()).get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b'{"output":[0.5000000000]}'})


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error", access_log=False, lifespan="off")
