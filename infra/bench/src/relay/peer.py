"""The same work with confluent-kafka, in batches: consume 2,000, parse, build anew, produce, flush, commit."""

import argparse
import json
import resource
import time
from datetime import datetime, timezone

from confluent_kafka import Consumer, Producer

BATCH = 2000


def main():
    arguments = argparse.ArgumentParser()
    for name in ("--brokers", "--from", "--to"):
        arguments.add_argument(name, required=True)
    arguments.add_argument("--records", type=int, required=True)
    arguments.add_argument("--latencies", action="store_true")
    options = vars(arguments.parse_args())

    consumer = Consumer({
        "bootstrap.servers": options["brokers"],
        "group.id": "bench-" + options["to"],
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    })
    consumer.subscribe([options["from"]])
    producer = Producer({
        "bootstrap.servers": options["brokers"],
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 2,
        "queue.buffering.max.messages": 1_000_000,
    })
    latencies = []

    def delivered(written):
        def note(error, _):
            if error is not None:
                raise SystemExit(str(error))
            latencies.append(int((time.time() - written) * 1e6))
        return note

    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_before = used.ru_utime + used.ru_stime
    first = None
    done = 0
    while done < options["records"]:
        batch = consumer.consume(BATCH, 0.005 if options["latencies"] else 0.1)
        if not batch:
            continue
        if first is None:
            first = time.monotonic()
        for message in batch:
            if message.error():
                raise SystemExit(str(message.error()))
            record = json.loads(message.value())
            payload = record["payload"]
            data = payload["data"]
            now = datetime.now(timezone.utc).replace(tzinfo=None)
            value = json.dumps({
                "service": "BENCH",
                "action": "create_user",
                "payload": {
                    "message": "It is create_user",
                    "timestamp": now.isoformat(timespec="microseconds"),
                    "data": data,
                },
            }, ensure_ascii=False, separators=(",", ":")).encode()
            if options["latencies"]:
                written = datetime.fromisoformat(payload["timestamp"]).replace(tzinfo=timezone.utc)
                producer.produce(
                    options["to"], value, str(data["user_id"]), on_delivery=delivered(written.timestamp())
                )
            else:
                producer.produce(options["to"], value, str(data["user_id"]))
        producer.flush()
        consumer.commit(asynchronous=False)
        done += len(batch)
    seconds = time.monotonic() - first
    used = resource.getrusage(resource.RUSAGE_SELF)
    latencies.sort()

    def percentile(percent):
        if not latencies:
            return None
        return latencies[min(len(latencies) * percent // 100, len(latencies) - 1)] / 1000

    print(json.dumps({
        "seconds": seconds,
        "cpu_seconds": used.ru_utime + used.ru_stime - cpu_before,
        "memory_mb": used.ru_maxrss / 1024,
        "p50_ms": percentile(50),
        "p99_ms": percentile(99),
    }))
    consumer.close()


main()
