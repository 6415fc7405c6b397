{{/* What the gateway and the check before it have in common. */}}

{{- define "muara.place" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Takes a list: everything, the name of the chart's own Secret. */}}
{{- define "muara.environment" -}}
{{- $all := index . 0 -}}
env:
  - name: MUARA_CONFIG
    value: /etc/muara/muara.toml
  {{- with $all.Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $all.Values.secretEnv | empty | ternary $all.Values.existingSecret (index . 1) }}
envFrom:
  - secretRef:
      name: {{ . }}
{{- end }}
{{- end -}}

{{- define "muara.mounts" -}}
- name: config
  mountPath: /etc/muara
  readOnly: true
{{- if .Values.existingSecretFiles }}
- name: secrets
  mountPath: /run/secrets/muara
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Takes a list: everything, the name of the ConfigMap. */}}
{{- define "muara.volumes" -}}
{{- $all := index . 0 -}}
- name: config
  configMap:
    name: {{ index . 1 }}
    items:
      - key: muara.toml
        path: muara.toml
      {{- range $name, $_ := $all.Values.configFiles }}
      - key: {{ printf "conf.d_%s" $name | quote }}
        path: {{ printf "conf.d/%s" $name | quote }}
      {{- end }}
{{- with $all.Values.existingSecretFiles }}
- name: secrets
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- with $all.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "muara.config.data" -}}
muara.toml: |
  {{- include "muara.config" . | nindent 2 }}
{{- range $name, $text := .Values.configFiles }}
{{ printf "conf.d_%s" $name | quote }}: |
  {{- $text | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "muara.secret.data" -}}
{{- range $name, $value := .Values.secretEnv }}
{{ $name }}: {{ $value | b64enc }}
{{- end }}
{{- end -}}
