"""Which variables hold secrets: by their names, and by where their values come from."""

from __future__ import annotations

from lambdatui.config.function_facts import function_facts

from .conftest import Load, Write

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Pin: {Type: String, NoEcho: true, Default: pin7}
  Key: {Type: String, NoEcho: "true", Default: s3cr3t-in-a-url}
  Region: {Type: String, Default: eu-central-1}
Resources:
  Vault:
    Type: AWS::SecretsManager::Secret
    Properties: {Name: vault, SecretString: '{"user": "bo", "word": "open-sesame"}'}
  F:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: "def handler(event, context): ..."
      Handler: index.handler
      Runtime: python3.12
      Environment:
        Variables:
          DB_PASSWORD: anything
          STRIPE_API_KEY: anything
          GITHUB_TOKEN: anything
          CODE: !Ref Pin
          DATABASE: !Sub "postgres://bo:${Key}@db/${Region}"
          SESAME: "{{resolve:secretsmanager:vault:SecretString:word}}"
          REGION: !Ref Region
          PINNED: "not pin7 but near"
"""


def test_variables_that_hold_secrets_are_named(write: Write, load: Load) -> None:
    write("template.yaml", TEMPLATE)
    function = load().functions[0]
    assert function.environment["SESAME"] == "open-sesame"
    assert function_facts(function)["secrets"] == [
        *("DB_PASSWORD", "STRIPE_API_KEY", "GITHUB_TOKEN", "CODE", "DATABASE", "SESAME"),
    ]
