#@ ObjectService objects
from talanoa_fiji import client, show

reply = client.ask(objects, "doctor", {})
show.page(reply, "Doctor")
