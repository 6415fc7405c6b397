"""Reads an Open311 server with the PyPI client `georeport`, in both formats; prints what it understood as JSON."""

import json
import sys

from georeport import GeoReport

root, request_id = sys.argv[1:]
understood = {}
for form in ("json", "xml"):
    client = GeoReport(root, output_format=form)
    services = client.get_service_list()
    listed = client.get_service_requests(service_request_id=request_id)
    understood[form] = {
        "services": [service["service_code"] for service in services],
        "definition": client.get_service_definition(services[0]["service_code"])["service_code"],
        # a list of one element is no list in the client's reading of XML
        "listed": (listed[0] if isinstance(listed, list) else listed)["service_request_id"],
        "request": client.get_service_request(request_id),
    }
print(json.dumps(understood))
