"""Why nothing arrives: database, servers, workers, keys, settings, connections and maps, looked at from here."""

from sync.monitoring.doctor.examine import examine, exit_code
from sync.monitoring.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine", "exit_code"]
