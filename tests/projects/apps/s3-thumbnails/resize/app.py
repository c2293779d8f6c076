import io
import os
from urllib.parse import unquote_plus

import boto3
from PIL import Image

s3 = boto3.client("s3")


def handler(event, context):
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = unquote_plus(record["s3"]["object"]["key"])
        picture = Image.open(s3.get_object(Bucket=bucket, Key=key)["Body"])
        picture.thumbnail((64, 64))
        path = os.path.join("/tmp", context.aws_request_id + ".png")
        picture.save(path)
        s3.upload_file(path, os.environ["THUMBNAILS"], key, ExtraArgs={"ContentType": "image/png"})
        os.unlink(path)
        print(f"{bucket}/{key} -> {picture.size[0]}x{picture.size[1]}")
