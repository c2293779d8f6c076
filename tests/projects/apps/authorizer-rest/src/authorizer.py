USERS = {"Bearer ada": "ada", "Bearer root": "root"}


def handler(event, context):
    print("asked about", event["methodArn"])
    user = USERS.get(event["authorizationToken"])
    if user is None:
        raise Exception("Unauthorized")
    base = event["methodArn"].rsplit("/", event["methodArn"].count("/") - 1)[0]
    resources = [f"{base}/*/*"] if user == "root" else [f"{base}/GET/account"]
    return {
        "principalId": user,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": resources}],
        },
        "context": {"user": user, "level": 9 if user == "root" else 1, "staff": user == "root"},
    }
