"""S3 on the ECS rig: a bucket is in one region, and a request has to go there."""

import datetime
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from rigs.ecs import EcsRig, Image
from rigs.ecs.s3 import YOUNG_SECONDS
from rigs.ecs.simple_tasks import SimpleTasks

OLD, NEW = "eu-west-1", "eu-south-1"
GLOBAL_HOST = Config(signature_version="s3v4")
"""What boto3 does with nothing else said: presigned URLs name the global host."""
REGIONAL_HOST = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})


@pytest.fixture(scope="module")
def rig() -> Iterator[EcsRig]:
    images = {"flow:1": Image.of_interpreter()}
    with EcsRig(images, aws_names=True, stop_timeout=0) as rig:
        for region in (OLD, NEW, "us-west-2"):
            constraint = {"LocationConstraint": region}
            s3 = rig.client("s3", region_name=region)
            s3.create_bucket(Bucket=f"in-{region}", CreateBucketConfiguration=constraint)
            s3.put_object(Bucket=f"in-{region}", Key="a/b c.json", Body=b"[]")
        s3 = rig.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="in-us-east-1")
        s3.put_object(Bucket="in-us-east-1", Key="a/b c.json", Body=b"[]")
        yield rig


@pytest.fixture(scope="module")
def tasks(rig: EcsRig) -> SimpleTasks:
    return SimpleTasks(rig)


@pytest.fixture
def by_name(rig: EcsRig, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Clients that know no endpoint and find the rig by AWS's names, as does `urllib`."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in rig.environment().items():
        monkeypatch.setenv(name, value)
    return lambda name, **options: boto3.Session().client(name, **options)


def presigned(s3: Any, bucket: str, seconds: int = 3600) -> str:
    parameters = {"Bucket": bucket, "Key": "a/b c.json"}
    return str(s3.generate_presigned_url("get_object", parameters, ExpiresIn=seconds))


def opened(url: str) -> Any:
    """A GET by the variables of now: what `urlopen` has seen of them first, it keeps."""
    return urllib.request.build_opener().open(url)


def fetched(url: str) -> tuple[int, str]:
    """Status and body of a GET that follows redirects."""
    try:
        with opened(url) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_all_services_are_found_by_name(by_name: Callable[..., Any], rig: EcsRig) -> None:
    assert by_name("sts").get_caller_identity()["Account"] == rig.account_id
    assert by_name("ecs").list_clusters()["clusterArns"] == []
    assert by_name("logs").describe_log_groups()["logGroups"] == []
    assert by_name("s3").get_object(Bucket=f"in-{OLD}", Key="a/b c.json")["Body"].read() == b"[]"


def test_objects_are_stored_by_name(by_name: Callable[..., Any]) -> None:
    s3 = by_name("s3")

    s3.put_object(Bucket=f"in-{OLD}", Key="large", Body=b"x" * 3_000_000)

    assert len(s3.get_object(Bucket=f"in-{OLD}", Key="large")["Body"].read()) == 3_000_000


def test_no_other_host_is_reached(by_name: Callable[..., Any]) -> None:
    with pytest.raises(urllib.error.URLError, match="403"):
        opened("https://example.org")


@pytest.mark.parametrize("region", [OLD, NEW])
def test_a_url_of_the_regional_host_works(by_name: Callable[..., Any], region: str) -> None:
    url = presigned(by_name("s3", region_name=region, config=REGIONAL_HOST), f"in-{region}")

    assert url.startswith(f"https://in-{region}.s3.{region}.amazonaws.com/a/b%20c.json?")
    assert fetched(url) == (200, "[]")


def test_a_url_of_the_global_host_fails_in_a_region_opened_since_2019(
    by_name: Callable[..., Any],
) -> None:
    url = presigned(by_name("s3", region_name=NEW, config=GLOBAL_HOST), f"in-{NEW}")

    status, body = fetched(url)

    assert url.startswith(f"https://in-{NEW}.s3.amazonaws.com/")
    assert status == 400
    assert "<Code>IllegalLocationConstraintException</Code>" in body
    assert f"The {NEW} location constraint is incompatible for the region specific" in body


def test_a_url_of_the_global_host_works_for_the_first_region(by_name: Callable[..., Any]) -> None:
    url = presigned(by_name("s3", region_name="us-east-1", config=GLOBAL_HOST), "in-us-east-1")

    assert url.startswith("https://in-us-east-1.s3.amazonaws.com/")
    assert fetched(url) == (200, "[]")


def test_a_url_of_the_global_host_is_led_on_while_its_bucket_is_young_and_fails_there(
    by_name: Callable[..., Any], rig: EcsRig
) -> None:
    s3 = by_name("s3", region_name=OLD, config=GLOBAL_HOST)
    s3.create_bucket(Bucket="young", CreateBucketConfiguration={"LocationConstraint": OLD})
    s3.put_object(Bucket="young", Key="a/b c.json", Body=b"[]")
    url = presigned(s3, "young")
    rig.requests.clear()

    young = fetched(url)
    rig.pass_time(YOUNG_SECONDS)
    later = fetched(url)

    assert (young[0], "SignatureDoesNotMatch" in young[1]) == (403, True)
    assert later == (200, "[]")
    assert [request.status for request in rig.requests.of("GetObject")] == [307, 403, 200]


def test_another_regions_endpoint_answers_with_the_buckets_region(
    by_name: Callable[..., Any],
) -> None:
    for bucket, code in (
        ("in-us-west-2", "PermanentRedirect"),
        (f"in-{NEW}", "IllegalLocationConstraintException"),
    ):
        url = presigned(by_name("s3", region_name=OLD, config=REGIONAL_HOST), bucket)
        with pytest.raises(urllib.error.HTTPError) as caught:
            opened(url)
        with caught.value as error:
            assert error.code == {"PermanentRedirect": 301}.get(code, 400)
            assert error.headers["x-amz-bucket-region"] == bucket.removeprefix("in-")
            assert f"<Code>{code}</Code>" in error.read().decode()


@pytest.mark.parametrize("bucket", ["in-us-west-2", f"in-{NEW}"])
def test_boto3_itself_goes_to_the_buckets_region(
    by_name: Callable[..., Any], rig: EcsRig, bucket: str
) -> None:
    rig.requests.clear()

    found = by_name("s3", region_name=OLD).get_object(Bucket=bucket, Key="a/b c.json")

    assert found["Body"].read() == b"[]"
    assert [request.region for request in rig.requests.of("GetObject")] == [
        OLD,
        bucket.removeprefix("in-"),
    ]


def test_a_url_that_is_signed_for_another_region_is_refused(by_name: Callable[..., Any]) -> None:
    url = presigned(by_name("s3", region_name=OLD, config=REGIONAL_HOST), "in-us-west-2")
    fetched(url)  # so that its signature is known as that of another host, too

    status, body = fetched(url.replace(f".s3.{OLD}.", ".s3.us-west-2."))

    assert status == 400
    assert f"the region '{OLD}' is wrong; expecting 'us-west-2'" in body


def test_the_rigs_own_endpoint_stands_for_the_region_of_the_signature(rig: EcsRig) -> None:
    url = presigned(rig.client("s3", config=GLOBAL_HOST), "in-us-west-2")

    assert url.startswith(rig.url)
    assert fetched(url)[0] == 301
    home = presigned(rig.client("s3", region_name="us-west-2", config=GLOBAL_HOST), "in-us-west-2")
    assert fetched(home) == (200, "[]")


def test_a_url_is_signed_for_a_week_at_most(rig: EcsRig) -> None:
    s3 = rig.client("s3", region_name=OLD, config=REGIONAL_HOST)

    assert fetched(presigned(s3, f"in-{OLD}", 604800)) == (200, "[]")
    status, body = fetched(presigned(s3, f"in-{OLD}", 604801))

    assert status == 400
    assert "AuthorizationQueryParametersError" in body
    assert "X-Amz-Expires must be less than a week" in body


def test_a_url_holds_for_as_long_as_it_says(rig: EcsRig, monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = rig.client("s3", region_name=OLD, config=REGIONAL_HOST)
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=10)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: then)
    assert fetched(presigned(s3, f"in-{OLD}", 660))[0] == 200

    status, body = fetched(presigned(s3, f"in-{OLD}", 540))

    assert status == 403
    assert "AccessDenied" in body
    assert "Request has expired" in body


def test_a_bucket_that_is_not_there(by_name: Callable[..., Any]) -> None:
    with pytest.raises(ClientError) as caught:
        by_name("s3").put_object(Bucket="nobodys-bucket", Key="a", Body=b"")

    assert caught.value.response["Error"]["Code"] == "NoSuchBucket"
    assert caught.value.response["Error"]["Message"] == "The specified bucket does not exist"


def test_the_head_of_a_bucket_elsewhere_names_its_region_in_a_header_only(rig: EcsRig) -> None:
    s3 = rig.client("s3", region_name=OLD)

    found = s3.head_bucket(Bucket="in-us-west-2")

    assert found["BucketRegion"] == "us-west-2"
    assert [request.status for request in rig.requests.of("HeadBucket")[-2:]] == [301, 200]


@pytest.mark.parametrize("config", [REGIONAL_HOST, GLOBAL_HOST])
def test_tasks_fetch_by_the_same_names(
    by_name: Callable[..., Any], tasks: SimpleTasks, config: Config
) -> None:
    url = presigned(by_name("s3", region_name=NEW, config=config), f"in-{NEW}")
    program = "import os,urllib.request as u; print(u.urlopen(os.environ['URL']).read())"

    task = tasks.rig.tasks.wait(tasks.run(["python", "-c", program], {"URL": url}))

    expected = 0 if config is REGIONAL_HOST else 1
    assert task.containers[0].exit_code == expected
    assert ("b'[]'" if expected == 0 else "HTTP Error 400") in tasks.lines(task.arn)[-1]
