{{/* A store on a server is every gateway's; one in a file has a volume of its own. An address that stands in a Secret is a
server's: one of a file has nothing to hide. */}}
{{- define "muara.shared" -}}
{{- if not (hasPrefix "sqlite:" .Values.config.store.url) -}}yes{{- end -}}
{{- end -}}

{{/* The gateway's pod. */}}
{{- define "muara.pod" -}}
{{- $full := include "muara.fullname" . -}}
metadata:
  labels:
    {{- include "muara.selector" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # a change of the configuration starts the gateway anew
    checksum/config: {{ list (include "muara.config" .) .Values.configFiles | toJson | sha256sum }}
    {{- if .Values.secretEnv }}
    checksum/secret: {{ .Values.secretEnv | toJson | sha256sum }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ $full }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "muara.grace" . }}
  securityContext: {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- with include "muara.place" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  containers:
    - name: muara
      image: {{ include "muara.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve]
      {{- include "muara.environment" (list . $full) | nindent 6 }}
      ports:
        - name: public
          containerPort: 8080
          protocol: TCP
        - name: internal
          containerPort: 8081
          protocol: TCP
      # a large write-ahead log or a migration may take its time
      startupProbe:
        httpGet:
          path: /livez
          port: internal
        periodSeconds: 2
        failureThreshold: 150
      livenessProbe:
        httpGet:
          path: /livez
          port: internal
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet:
          path: /readyz
          port: internal
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      resources: {{- toYaml .Values.resources | nindent 8 }}
      securityContext: {{- toYaml .Values.securityContext | nindent 8 }}
      volumeMounts:
        {{- include "muara.mounts" . | nindent 8 }}
        {{- if not (include "muara.shared" .) }}
        - name: data
          mountPath: /var/lib/muara
        {{- end }}
        - name: tmp
          mountPath: /tmp
  volumes:
    {{- include "muara.volumes" (list . $full) | nindent 4 }}
    # the store's sorting; nothing that must survive
    - name: tmp
      emptyDir:
        sizeLimit: 256Mi
    {{- if and .Values.persistence.existingClaim (not (include "muara.shared" .)) }}
    - name: data
      persistentVolumeClaim:
        claimName: {{ .Values.persistence.existingClaim }}
    {{- end }}
{{- end -}}

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
