"""The page's server: on this machine only, on exactly the requested port."""

import contextlib
import io

import viser

from dactyl_jax.errors import UserError

HOST = "127.0.0.1"  # remote users need a tunnel, such as `ssh -L`


def serve(port: int) -> viser.ViserServer:
    """Serves an empty page.

    Raises:
        ValueError: the port is taken.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # hide a banner that may name another port
        server = viser.ViserServer(host=HOST, port=port, label="Dactyl", verbose=False)
    if server.get_port() != port:  # viser takes the next free one
        server.stop()
        raise UserError(f"--port={port} is taken; name a free one, such as {server.get_port()}")
    server.gui.configure_theme(show_logo=False, show_share_button=False)
    server.gui.main_panel.dock_right()
    return server


def address(server: viser.ViserServer) -> str:
    """URL of the page."""
    return f"http://localhost:{server.get_port()}"
