"""The topics of a simulated Mac's reports: each module declares what it answers."""

from exporters.stack.backup_reports import REPORTS as BACKUPS
from exporters.stack.component_reports import REPORTS as COMPONENTS
from exporters.stack.disk_reports import REPORTS as DISKS
from exporters.stack.endpoint_reports import REPORTS as ENDPOINTS
from exporters.stack.posture_reports import REPORTS as POSTURE
from exporters.stack.quality_reports import REPORTS as QUALITY
from exporters.stack.radio_reports import REPORTS as RADIO
from exporters.stack.service_reports import REPORTS as SERVICES
from exporters.stack.soc_reports import REPORTS as CHIP
from exporters.stack.software_reports import REPORTS as SOFTWARE
from exporters.stack.view import Reports

TOPICS: tuple[Reports, ...] = (
    *(POSTURE, SOFTWARE, DISKS, BACKUPS, SERVICES, CHIP),
    *(RADIO, ENDPOINTS, COMPONENTS, QUALITY),
)
