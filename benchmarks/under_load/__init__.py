"""The parts of :mod:`rotation_under_load`: a service, who asks it, and who rotates its password."""
