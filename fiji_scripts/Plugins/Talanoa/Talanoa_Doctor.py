#@ ObjectService objects
from talanoa_fiji import client, show, ui_doctor

reply = client.ask(objects, "doctor", {}, fixed=ui_doctor.imagej())
show.doctor(reply, objects)
