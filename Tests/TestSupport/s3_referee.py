"""A judge that is not ours: botocore and boto3, for the signatures, the addresses and the objects of vizd's own client.

    s3_referee.py signatures                 cases in, their Authorization values out
    s3_referee.py addresses                  keys in, the paths out under which boto3 asks for them
    s3_referee.py ENDPOINT prepare           makes the bucket, waits until objects can be written
    s3_referee.py ENDPOINT put KEY [TYPE]    writes an object from standard input, with x-amz-meta-owner
    s3_referee.py ENDPOINT upload FOLDER KEY every file beneath a folder, beneath a key
    s3_referee.py ENDPOINT get KEY           its bytes
    s3_referee.py ENDPOINT list              every object: key, SHA-256, type, Cache-Control, metadata
    s3_referee.py ENDPOINT digests           keys in, the SHA-256 of each object out, null where there is none
    s3_referee.py ENDPOINT write KEY COUNT   puts COUNT entries into a JSON object, one conditional write each
    s3_referee.py ENDPOINT policy deny|allow whether objects may be written
    s3_referee.py ENDPOINT delete KEY        removes an object

Cases and answers are JSON. Keys of the bucket come from VIZD_S3_ACCESS_KEY and VIZD_S3_SECRET.
"""

import datetime
import hashlib
import io
import json
import os
import random
import sys
import time
import urllib.parse

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.exceptions

BUCKET = "closet"


def client(endpoint, access, secret):
    settings = botocore.config.Config(
        s3={"addressing_style": "path"}, retries={"max_attempts": 8, "mode": "standard"},
        request_checksum_calculation="when_required", response_checksum_validation="when_required")
    return boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id=access, aws_secret_access_key=secret,
        region_name="us-east-1", config=settings)


class Payload(botocore.auth.S3SigV4Auth):
    """Signs for a body of which only the digest is known."""

    digest = ""

    def payload(self, request):
        return self.digest


def signatures():
    answers = []
    for case in json.load(sys.stdin):
        moment = datetime.datetime.strptime(case["moment"], "%Y%m%dT%H%M%SZ")
        botocore.auth.get_current_datetime = lambda moment=moment: moment
        credentials = botocore.credentials.Credentials(case["access"], case["secret"], case.get("token"))
        headers = botocore.awsrequest.HeadersDict()
        request = botocore.awsrequest.AWSRequest(method=case["method"], url=case["url"], headers=headers)
        for name, value in case["headers"]:
            request.headers[name] = value
        signer = Payload(credentials, "s3", case["region"])
        signer.digest = case["payload"]
        signer.add_auth(request)
        answers.append(request.headers["Authorization"])
    json.dump(answers, sys.stdout)


class Empty(io.BytesIO):
    def stream(self, **_):
        return []


def addresses():
    store = client("http://127.0.0.1:9", "AKID", "secret")
    seen = []

    def answer(request, **_):
        seen.append(urllib.parse.urlsplit(request.url).path)
        return botocore.awsrequest.AWSResponse(request.url, 204, {}, Empty())

    store.meta.events.register("before-send.s3.DeleteObject", answer)
    for key in json.load(sys.stdin):
        store.delete_object(Bucket=BUCKET, Key=key)
    json.dump(seen, sys.stdout)


def prepare(store):
    end = time.monotonic() + 60
    while True:
        try:
            store.create_bucket(Bucket=BUCKET)
        except (store.exceptions.BucketAlreadyExists, store.exceptions.BucketAlreadyOwnedByYou):
            pass
        except Exception:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
            continue
        try:
            store.put_object(Bucket=BUCKET, Key=".ready", Body=b"ready")
            store.delete_object(Bucket=BUCKET, Key=".ready")
            return
        except Exception:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def listing(store):
    found = {}
    for page in store.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for entry in page.get("Contents", []):
            object_ = store.get_object(Bucket=BUCKET, Key=entry["Key"])
            found[entry["Key"]] = {
                "sha256": hashlib.sha256(object_["Body"].read()).hexdigest(),
                "type": object_.get("ContentType", ""), "cache": object_.get("CacheControl", ""),
                "owner": object_.get("Metadata", {}).get("owner", "")}
    json.dump(found, sys.stdout)


def digests(store):
    found = []
    for key in json.load(sys.stdin):
        try:
            found.append(hashlib.sha256(store.get_object(Bucket=BUCKET, Key=key)["Body"].read()).hexdigest())
        except store.exceptions.NoSuchKey:
            found.append(None)
    json.dump(found, sys.stdout)


def write(store, key, count):
    """Another program that knows conditions: reads, adds an entry, writes if nobody else did, and says how often it met
    somebody."""
    met = 0
    for number in range(count):
        while True:
            old = store.get_object(Bucket=BUCKET, Key=key)
            record = json.loads(old["Body"].read())
            record.setdefault("foreign", []).append(number)
            try:
                store.put_object(
                    Bucket=BUCKET, Key=key, Body=json.dumps(record, indent=2).encode(), IfMatch=old["ETag"],
                    Metadata=old["Metadata"], ContentType=old["ContentType"])
                break
            except botocore.exceptions.ClientError as error:
                if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
                    raise
                met += 1
                time.sleep(random.random() * 0.02)
    print(met)


def policy(store, word):
    if word == "allow":
        store.delete_bucket_policy(Bucket=BUCKET)
        return
    deny = {"Effect": "Deny", "Principal": "*", "Action": ["s3:PutObject", "s3:DeleteObject"],
            "Resource": ["arn:aws:s3:::%s/*" % BUCKET]}
    store.put_bucket_policy(
        Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))


def main():
    if sys.argv[1] in ("signatures", "addresses"):
        return globals()[sys.argv[1]]()
    store = client(sys.argv[1], os.environ["VIZD_S3_ACCESS_KEY"], os.environ["VIZD_S3_SECRET"])
    command, words = sys.argv[2], sys.argv[3:]
    if command == "prepare":
        prepare(store)
    elif command == "put":
        kind = words[1] if len(words) > 1 else "application/json"
        store.put_object(
            Bucket=BUCKET, Key=words[0], Body=sys.stdin.buffer.read(), ContentType=kind,
            Metadata={"owner": "the app"})
    elif command == "upload":
        for place, _, names in os.walk(words[0]):
            for name in names:
                path = os.path.join(place, name)
                with open(path, "rb") as file:
                    key = os.path.join(words[1], os.path.relpath(path, words[0]))
                    store.put_object(Bucket=BUCKET, Key=key, Body=file.read())
    elif command == "get":
        sys.stdout.buffer.write(store.get_object(Bucket=BUCKET, Key=words[0])["Body"].read())
    elif command == "list":
        listing(store)
    elif command == "digests":
        digests(store)
    elif command == "write":
        write(store, words[0], int(words[1]))
    elif command == "policy":
        policy(store, words[0])
    elif command == "delete":
        store.delete_object(Bucket=BUCKET, Key=words[0])
    else:
        sys.exit("what is %s?" % command)


main()
