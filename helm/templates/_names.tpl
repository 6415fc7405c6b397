{{/* Names and labels. */}}

{{- define "muara.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 50 characters: the suffixes of Services and the StatefulSet's own still fit into a label. */}}
{{- define "muara.fullname" -}}
{{- $name := include "muara.name" . -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $full .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "muara.selector" -}}
app.kubernetes.io/name: {{ include "muara.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "muara.labels" -}}
{{ include "muara.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "muara.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default .Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{/* The drain has two halves of `drain_seconds`; a node that kills earlier would cut it off. */}}
{{- define "muara.grace" -}}
{{- add (mul 2 (int .Values.config.intake.drain_seconds)) (int .Values.graceMarginSeconds) -}}
{{- end -}}
