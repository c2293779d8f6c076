from typing import Annotated

from fastapi import Cookie, FastAPI, HTTPException, Query, Request, Response
from mangum import Mangum
from pydantic import BaseModel

app = FastAPI(title="Books")
books: dict[int, "Book"] = {}


class Book(BaseModel):
    title: str
    pages: int


@app.put("/books/{number}", status_code=201)
def put_book(number: int, book: Book) -> Book:
    books[number] = book
    return book


@app.get("/books/{number}")
def get_book(number: int) -> Book:
    if number not in books:
        raise HTTPException(404, "there is no such book")
    return books[number]


@app.get("/search")
def search(tag: Annotated[list[str], Query()], page: int = 1):
    return {"tag": tag, "page": page}


@app.get("/visit")
def visit(response: Response, visits: int = Cookie(default=0)):
    response.set_cookie("visits", str(visits + 1))
    response.set_cookie("seen", "yes")
    return {"visits": visits + 1}


@app.post("/picture")
async def picture(request: Request):
    return Response(await request.body(), media_type="image/png")


@app.get("/aws")
def aws(request: Request):
    return {"request_id": request.scope["aws.context"].aws_request_id, "stage": request.scope["aws.event"]["requestContext"]["stage"]}


handler = Mangum(app, lifespan="off")
