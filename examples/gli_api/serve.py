"""Serve the API on a port that the kernel chooses, and print its URL: gunicorn's stand-in."""

from wsgiref.simple_server import make_server

from config.wsgi import application

if __name__ == "__main__":
    with make_server("127.0.0.1", 0, application) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
