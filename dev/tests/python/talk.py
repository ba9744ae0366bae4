"""AWS's SDK for Python, unmodified, talks to the development KMS: endpoint, root and credentials are in the environment."""
import json

import boto3
from botocore.exceptions import ClientError

kms = boto3.client("kms")


def refused(kind, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == kind, error
    else:
        raise AssertionError(f"{kind} did not come")


key = kms.create_key()["KeyMetadata"]["Arn"]
context = {"a": "b", "c": "d"}
blob = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext=context)["CiphertextBlob"]
opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=dict(reversed(context.items())))
assert (opened["Plaintext"], opened["KeyId"]) == (b"secret", key)
refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob)
refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob, EncryptionContext={"a": "b"})
refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob[:-1], EncryptionContext=context)
other = kms.create_key()["KeyMetadata"]["KeyId"]
refused("IncorrectKeyException", kms.decrypt, CiphertextBlob=blob, KeyId=other, EncryptionContext=context)

data_key = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context)
assert len(data_key["Plaintext"]) == 32
opened = kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"], EncryptionContext=context)
assert opened["Plaintext"] == data_key["Plaintext"]
assert len(kms.generate_random(NumberOfBytes=100)["Plaintext"]) == 100

junk = {"AttestationDocument": b"junk", "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
refused("ValidationException", kms.decrypt, CiphertextBlob=blob, EncryptionContext=context, Recipient=junk)
refused("ValidationException", kms.generate_random, NumberOfBytes=32, Recipient=junk)

me = "arn:aws:iam::111122223333:user/party"
statement = {"Effect": "Allow", "Principal": {"AWS": me}, "Action": ["kms:PutKeyPolicy", "kms:GetKeyPolicy"], "Resource": "*"}
policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)
assert kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"] == policy
refused("AccessDeniedException", kms.encrypt, KeyId=key, Plaintext=b"secret")
lock_out = json.dumps({"Version": "2012-10-17", "Statement": []})
refused("MalformedPolicyDocumentException", kms.put_key_policy, KeyId=key, PolicyName="default", Policy=lock_out)
refused("MalformedPolicyDocumentException", kms.put_key_policy, KeyId=key, PolicyName="default", Policy="{}")
refused("NotFoundException", kms.encrypt, KeyId=key[:-1] + "x", Plaintext=b"secret")

stranger = boto3.client("kms", aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="x")
refused("UnrecognizedClientException", stranger.generate_random, NumberOfBytes=32)
credentials = boto3.Session().get_credentials()
token = credentials.token
liar = boto3.client(
    "kms", aws_access_key_id=credentials.access_key, aws_secret_access_key="x", aws_session_token=token
)
refused("InvalidSignatureException", liar.generate_random, NumberOfBytes=32)
