"""The same work as a task of Celery, which the benchmark runs on gevent's pool. The broker comes in BENCH_BROKER."""

import os

import celery
import work

app = celery.Celery("tasks", broker=os.environ["BENCH_BROKER"])
# What a task answers is in its files; nobody reads it from a backend.
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)


@app.task
def visualize(name, user, outfit):
    work.visualize(name, user, outfit)
