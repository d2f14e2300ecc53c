"""Capture by the database itself: statement triggers on PostgreSQL, for object types that say ``capture="trigger"``.

``wanted`` says for which models, ``bodies`` what the triggers do, ``compiled`` makes them django-pgtrigger's,
``installation`` puts them into the database, ``installed`` knows whether they are there, and ``connection`` tells them
who writes, and rings.
"""
