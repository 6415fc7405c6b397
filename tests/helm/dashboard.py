"""The Grafana dashboard in helm/files/dashboard.json, made of the panels below: `BLESS=1` writes it anew."""

import json

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# the channels that the viewer chose
CHANNEL = 'channel=~"$channel"'
WINDOW = "$__rate_interval"
# what /health says of a channel, from quiet to loud
STATES = {
    "disabled": "gray",
    "paused": "blue",
    "starting": "gray",
    "healthy": "green",
    "silent": "orange",
    "degraded": "orange",
    "failing": "red",
}
LEGEND = {"displayMode": "list", "placement": "bottom", "showLegend": True}
OPTIONS = {
    "timeseries": {"legend": LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}},
    "stat": {
        "colorMode": "background",
        "graphMode": "area",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    },
    "state-timeline": {"legend": LEGEND, "mergeValues": True, "rowHeight": 0.9, "showValue": "never"},
}


def rate(metric, by="", more="", channel=True):
    """Per second, summed."""
    labels = ", ".join(filter(None, [CHANNEL if channel else "", more]))
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric}{{{labels}}}[{WINDOW}]))".replace("{}", "")


def quantile(part, metric):
    """So many of its observations were below."""
    return f"histogram_quantile({part}, sum by (le) (rate({metric}_bucket[{WINDOW}])))"


def grows(metric, more):
    """Within an hour, by channel."""
    return f"sum by (channel) (increase({metric}{{{CHANNEL}, {more}}}[1h]))"


def alarm(*steps):
    """Colours from these values on; the first has no value."""
    return {
        "color": {"mode": "thresholds"},
        "thresholds": {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]},
    }


def words(*pairs):
    """Words and colours for 0, 1, 2 …"""
    options = {str(i): {"text": text, "color": color, "index": i} for i, (text, color) in enumerate(pairs)}
    return {"mappings": [{"type": "value", "options": options}]}


NONE_IS_GOOD = alarm(("green", None), ("red", 1))
STATE = " + ".join(
    f'{i} * max by (channel) (muara_channel_state{{{CHANNEL}, state="{state}"}})'
    for i, state in enumerate(STATES)
    if i
)
QUARANTINED = grows("muara_messages_total", 'result="quarantined"')

# rows of (kind, width of 24, title, what it means, unit, {legend: expression}, more of the field)
ROWS = {
    "Channels": [
        ("state-timeline", 24, "State of each channel", "What `/health` says of each channel, with reason and advice.", "none",
            {"{{channel}}": STATE}, words(*STATES.items())),
        ("timeseries", 8, "Messages taken in", "New messages per second, by channel.", "cps",
            {"{{channel}}": rate("muara_messages_total", "channel", 'result="accepted"')}),
        ("timeseries", 8, "Requests not taken", "Refused requests per second, by channel and reason.", "reqps",
            {"{{channel}} {{result}}": rate("muara_requests_total", "channel, result",
                'result!~"accepted|duplicate|held|ignored"') + " > 0"}),
        ("timeseries", 8, "Pulls", "Pages asked of vendors per second, by channel and result.", "reqps",
            {"{{channel}} {{result}}": rate("muara_pulls_total", "channel, result")}),
        ("timeseries", 8, "Time to the answer", "From the whole request to the vendor's answer: by then the message is on disk.",
            "s", {name: quantile(part, "muara_answer_seconds")
                for part, name in ((0.5, "median"), (0.95, "95 %"), (0.99, "99 %"))}),
        ("timeseries", 8, "Over a limit", "Messages held and requests answered 429 per second, by channel.", "cps",
            {"{{channel}} held": rate("muara_messages_total", "channel", 'result="held"'),
             "{{channel}} 429": rate("muara_requests_total", "channel", 'result="limited"')}),
        ("timeseries", 16, "Quota left at the vendor", "What the vendor itself says is left of what it allows: at 0 it refuses us until it refills.",
            "percentunit", {"{{channel}}": f"min by (channel) (muara_channel_quota_left_ratio{{{CHANNEL}}})"}, {"max": 1}),
        ("timeseries", 8, "Senders the limiter remembers", "Grows with the people who write.", "short",
            {"senders": "sum(muara_limiter_keys)"}),
    ],
    "Flow": [
        ("timeseries", 12, "Received, refined, confirmed",
            "Messages per second at each step. Where the lines part, something waits.", "cps",
            {"received": rate("muara_messages_total", "", 'result="accepted"'),
             "refined": rate("muara_refined_total"),
             "confirmed": rate("muara_published_total", "", 'result="confirmed"')}),
        ("timeseries", 12, "What waits", "Rows in the store, by place.", "short",
            {"{{place}}": "sum by (place) (muara_waiting)"}),
        ("timeseries", 6, "Bytes that wait", "Drafts and events on their way.", "bytes",
            {"bytes": "sum(muara_waiting_bytes)"}),
        ("timeseries", 6, "Free disk", "Below `low` it is an alarm, below `store.min_free_disk_mb` nothing is taken in.", "bytes",
            {"free": "min(muara_disk_free_bytes)", "low": "max(muara_disk_low_bytes)"}),
        ("timeseries", 6, "Commits", "A group commit with its fsync, and the end of a checkpoint: 99 % are faster.", "s",
            {"commit": quantile(0.99, "muara_store_commit_seconds"),
             "checkpoint": quantile(0.99, "muara_store_checkpoint_seconds")}),
        ("timeseries", 6, "Work in one commit", "Pieces of work that shared a commit, on average.", "short",
            {"pieces": f"sum(rate(muara_store_commit_jobs_sum[{WINDOW}])) / sum(rate(muara_store_commit_jobs_count[{WINDOW}]))"}),
    ],
    "Ages": [
        ("stat", 6, "Oldest event", "How long the oldest event has waited for the broker. What is too long is an alarm.", "s",
            {"oldest event": "max(muara_outbox_oldest_seconds)"},
            alarm(("green", None), ("orange", 60))),
        ("timeseries", 9, "Oldest event over time", "How long the oldest event waited for the broker.", "s",
            {"oldest event": "max(muara_outbox_oldest_seconds)"}),
        ("timeseries", 12, "Oldest of each place", "How long the first has waited, by place.", "s",
            {"{{place}}": "max by (place) (muara_oldest_seconds)"}),
        ("timeseries", 12, "Refining a batch", "Seconds of each stage, on average.", "s",
            {"{{stage}}": f"sum by (stage) (rate(muara_refine_seconds_sum[{WINDOW}])) / sum by (stage) (rate(muara_refine_seconds_count[{WINDOW}]))"}),
        ("timeseries", 9, "Oldest reply", "How long citizens have waited for an answer that is ready, by channel.", "s",
            {"{{channel}}": f"max by (channel) (muara_replies_oldest_seconds{{{CHANNEL}}})"}),
    ],
    "Broker": [
        ("stat", 4, "Broker", "Whether it takes events. While it does not, they wait in the outbox.", "none",
            {"broker": "min(muara_broker_up)"}, words(("down", "red"), ("up", "green"))),
        ("stat", 4, "Unrouted", "Events that reached the broker and no queue: a binding is missing.", "short",
            {"unrouted": "max(muara_unrouted)"}, NONE_IS_GOOD),
        ("stat", 4, "Dead", "Events that could not be published: see `muara outbox list-dead`.", "short",
            {"dead": 'sum(muara_waiting{place="dead"})'}, NONE_IS_GOOD),
        ("stat", 6, "Alarms", "What somebody must look after: `/health` says since when, and what to do.", "short",
            {"{{alarm}}": "max by (alarm) (muara_alarm)"}, NONE_IS_GOOD),
        ("timeseries", 6, "Removed", "Rows and files that were kept long enough, per second.", "cps",
            {"{{what}}": rate("muara_removed_total", "what", channel=False)}),
        ("timeseries", 8, "Publishes", "Per second, by what became of them.", "cps",
            {"{{result}}": rate("muara_published_total", "result")}),
        ("stat", 4, "Leads", "Gateways that refine, publish, pull and deliver: of several on PostgreSQL one does.", "short",
            {"leads": "sum(muara_leads)"}, alarm(("red", None), ("green", 1), ("red", 2))),
    ],
    "Replies": [
        ("timeseries", 8, "Asked by the core CRM", "Messages on the queue of replies per second, by result.", "cps",
            {"{{result}}": rate("muara_replies_requested_total", "result", channel=False)}),
        ("timeseries", 8, "Attempts to answer", "Per second, by channel and result.", "cps",
            {"{{channel}} {{result}}": rate("muara_replies_total", "channel, result")}),
        ("timeseries", 8, "Replies that wait", "To be sent, by channel.", "short",
            {"{{channel}}": f"sum by (channel) (muara_replies_waiting{{{CHANNEL}}})"}),
    ],
    "Quality": [
        ("timeseries", 12, "What messages became", "Share by result: events, follow-ups, repetitions, no complaint, not understood.",
            "percentunit", {"{{result}}":
                f"{rate('muara_refined_total', 'result')} / ignoring(result) group_left () {rate('muara_refined_total')}"},
            {"max": 1}),
        ("timeseries", 12, "Delivered again", "Share of messages that were known already, by channel.", "percentunit",
            {"{{channel}}": rate("muara_messages_total", "channel", 'result="duplicate"')
                + " / " + rate("muara_messages_total", "channel")}, {"max": 1}),
        ("timeseries", 8, "Not understood", "Put into quarantine within an hour. A step: a vendor changed its format.", "short",
            {"{{channel}} decoding": QUARANTINED,
             "{{channel}} rules": grows("muara_refined_total", 'result="quarantined"')}),
        ("timeseries", 8, "Waiting for a person", "In quarantine, set aside as no complaint, held.", "short",
            {"{{place}}": 'sum by (place) (muara_waiting{place=~"quarantined|set_aside|held"})'}),
        ("timeseries", 8, "Attempts to fetch files", "Per second, by result.", "cps",
            {"{{result}}": rate("muara_media_attempts_total", "result")}),
        ("timeseries", 8, "Files that wait", "Still to be fetched from their vendors.", "short",
            {"files": "sum(muara_media_waiting)"}),
        ("timeseries", 8, "Bytes of files", "Fetched and kept, by channel.", "Bps",
            {"{{channel}}": rate("muara_media_bytes_total", "channel")}),
        ("timeseries", 8, "Failed commits", "Nothing of them was stored, and vendors got 503.", "short",
            {"failed": f"sum(increase(muara_store_failures_total[{WINDOW}]))"}),
    ],
    "Overdue": [
        ("stat", 8, "Overdue", "Complaints that nobody answered in their time: `muara overdue` lists them.", "short",
            {"{{clock}}": "sum by (clock) (muara_overdue)"}, NONE_IS_GOOD),
        ("timeseries", 16, "Overdue over time", "Complaints that nobody answered in their time, by clock.", "short",
            {"{{clock}}": "sum by (clock) (muara_overdue)"}),
    ],
}


def panel(number, place, kind, title, meaning, unit, targets, more=None):
    """One panel as Grafana writes it."""
    return {
        "id": number,
        "type": kind,
        "title": title,
        "description": meaning,
        "datasource": DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, **(more or {})}, "overrides": []},
        "options": OPTIONS[kind],
        "targets": [
            {"refId": chr(65 + i), "datasource": DATASOURCE, "expr": expression, "legendFormat": legend}
            for i, (legend, expression) in enumerate(targets.items())
        ],
    }


def panels():
    """All panels, row by row."""
    out, y, height = [], 0, 8
    for title, row in ROWS.items():
        place = {"x": 0, "y": y, "w": 24, "h": 1}
        out.append({"id": len(out) + 1, "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": place})
        y, x = y + 1, 0
        for kind, width, *rest in row:
            if x + width > 24:
                x, y = 0, y + height
            out.append(panel(len(out) + 1, {"x": x, "y": y, "w": width, "h": height}, kind, *rest))
            x += width
        y += height
    return out


def fresh():
    """The dashboard as it stands in its file."""
    chosen = {"label": "Channel", "name": "channel", "type": "query", "datasource": DATASOURCE, "refresh": 2, "sort": 1}
    query = {"query": "label_values(muara_channel_state, channel)", "refId": "channel"}
    every = {"multi": True, "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}}
    source = {"label": "Data source", "name": "datasource", "type": "datasource", "query": "prometheus", "refresh": 1}
    dashboard = {
        "uid": "muara",
        "title": "Muara",
        "description": "The complaint channels on their way to the core CRM.",
        "tags": ["muara"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "templating": {"list": [source, {**chosen, "query": query, **every}]},
        "panels": panels(),
    }
    return json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"
