"""A hub that others wrote and run: Flask-WebSub, with threads in the place of Celery's workers."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from cheroot.wsgi import Server
from flask import Flask
from flask_websub.hub import Hub, SQLite3HubStorage

PATIENCE_SECONDS = 30


class WebSubHub:
    """Flask-WebSub's hub on 127.0.0.1, its subscriptions in a file in that folder. A context manager."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "hub.sqlite3"
        self._workers = _Workers()
        self.program = Hub(SQLite3HubStorage(str(self._file)), self._workers)
        application = Flask("websub_hub")
        application.register_blueprint(self.program.build_blueprint(url_prefix="/hub"))
        self._server = Server(("127.0.0.1", 0), application, numthreads=2)
        self._server.prepare()
        self._thread = threading.Thread(target=self._server.serve, name="websub hub", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self._thread.join()
        self._workers.close()

    @property
    def url(self) -> str:
        """The address to ask for subscriptions at."""
        return f"http://127.0.0.1:{self._server.bind_addr[1]}/hub"

    def wait_until_verified(self) -> None:
        """Return when all that was asked for so far has been verified or given up."""
        self._workers.wait()

    def subscriptions(self) -> list[tuple[str, str, str]]:
        """Return topic, callback and secret of every subscription that was verified."""
        with closing(sqlite3.connect(self._file)) as connection:
            return connection.execute("SELECT topic_url, callback_url, secret FROM hub").fetchall()


class _Workers:
    """What the hub needs of Celery: a task may be called later."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, "websub task")
        self._running: list[Future[Any]] = []

    def task(self, **_options: object) -> Callable[[Callable[..., Any]], "_Task"]:
        return lambda work: _Task(self, work)

    def run(self, work: Callable[..., Any], *words: object) -> None:
        self._running.append(self._threads.submit(work, *words))

    def wait(self) -> None:
        done, waiting = wait(list(self._running), timeout=PATIENCE_SECONDS)
        assert not waiting
        for one in done:
            one.result()

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)


class _Task:
    def __init__(self, workers: _Workers, work: Callable[..., Any]) -> None:
        self._workers = workers
        self._work = work

    def delay(self, *words: object) -> None:
        self._workers.run(self._work, *words)
