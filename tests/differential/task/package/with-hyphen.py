def fn(event, context):
    raise ValueError(__name__)
