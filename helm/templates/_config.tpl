{{/* `muara.toml`: the values of `config`, with what only the chart can know. */}}
{{- define "muara.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config "listen" (dict "public" "0.0.0.0:8080" "internal" "0.0.0.0:8081") -}}
{{- if not $config.broker -}}
{{- $_ := unset $config "broker" -}}
{{- end -}}
{{- if not $config.media.public_url -}}
{{- $host := printf "%s-internal.%s.svc" (include "muara.fullname" .) .Release.Namespace -}}
{{- $_ := set $config.media "public_url" (printf "http://%s:%d/media" $host (int .Values.service.internalPort)) -}}
{{- end -}}
# Made by Helm from the values of `config`; see `muara default-config` for every key.
{{ include "muara.toml" (list $config list) }}
{{- end -}}

{{/* What would start and go wrong later is refused here, in words. */}}
{{- define "muara.refuse" -}}
{{- $values := .Values -}}
{{- $media := $values.config.media.url -}}
{{- $store := $values.config.store.url -}}
{{- if include "muara.shared" . -}}
{{- if not (regexMatch "^(postgres(ql)?://|\\$\\{(env|file):)" $store) -}}
{{- fail "config.store.url: must begin with sqlite:///var/lib/muara/, where the volume is, or be an address of PostgreSQL: ${env:NAME}, or postgres:// with the password as ${env:NAME}." -}}
{{- end -}}
{{- if not (hasPrefix "s3://" $media) -}}
{{- fail "config.media.url: with PostgreSQL there is no volume; files are kept where every gateway reaches them, s3://BUCKET/PREFIX." -}}
{{- end -}}
{{- if contains "/var/lib/muara/" $values.config.privacy.key -}}
{{- fail "config.privacy.key: with PostgreSQL there is no volume, and all gateways need the same key: put it into the Secret and write ${env:NAME}." -}}
{{- end -}}
{{- else -}}
{{- if gt (int $values.replicas) 1 -}}
{{- fail "replicas: at most 1 with an embedded store. Two gateways on stores of their own would recognise no redelivery of each other; several need PostgreSQL, config.store.url." -}}
{{- end -}}
{{- if not (hasPrefix "sqlite:///var/lib/muara/" $store) -}}
{{- fail "config.store.url: must begin with sqlite:///var/lib/muara/, where the volume is: anywhere else messages would be lost with the pod." -}}
{{- end -}}
{{- if not (or (hasPrefix "file:///var/lib/muara/" $media) (hasPrefix "s3://" $media)) -}}
{{- fail "config.media.url: must begin with file:///var/lib/muara/, where the volume is, or with s3://." -}}
{{- end -}}
{{- end -}}
{{- if $values.config.listen -}}
{{- fail "config.listen: the chart sets it, since Services and probes rely on it; use service.port and service.internalPort." -}}
{{- end -}}
{{- if not (or $values.config.channels $values.configFiles) -}}
{{- fail "config.channels: no channel is configured; name one there or in configFiles, as README.md shows." -}}
{{- end -}}
{{- if and $values.existingSecret $values.secretEnv -}}
{{- fail "secretEnv: not together with existingSecret; put everything into that Secret." -}}
{{- end -}}
{{- if and $values.ingress.enabled (not $values.ingress.hosts) -}}
{{- fail "ingress.hosts: name at least one host, or everything that reaches the controller would come here." -}}
{{- end -}}
{{- range $name, $text := $values.configFiles -}}
{{- if not (regexMatch "^[A-Za-z0-9_.-]+\\.toml$" $name) -}}
{{- fail (printf "configFiles.%s: the name of a file that is read ends in .toml" $name) -}}
{{- end -}}
{{- include "muara.refuse.secrets" (list (printf "configFiles.%s" $name) $text) -}}
{{- end -}}
{{- include "muara.refuse.secrets" (list "config" (include "muara.config" .)) -}}
{{- end -}}

{{/* A ConfigMap is read by many: a secret in it is refused without being repeated. */}}
{{- define "muara.refuse.secrets" -}}
{{- $where := index . 0 -}}
{{- $text := index . 1 -}}
{{- $key := "[A-Za-z0-9_-]*(secret_access_key|secret|password|token)" -}}
{{- $found := regexFind (printf "(?m)(^|[\\s{,.\"'])%s[\"']?\\s*=\\s*(\"[^\"$]|'[^'$])" $key) $text -}}
{{- if $found -}}
{{- fail (printf "%s: a secret does not belong into a ConfigMap: put the value of `%s` into the Secret and write ${env:NAME}." $where (regexFind $key $found)) -}}
{{- end -}}
{{- if regexMatch "(?m)^\\[privacy\\]\\s+key\\s*=\\s*[\"'][^\"'$]" $text -}}
{{- fail (printf "%s: the privacy key does not belong into a ConfigMap: put it into the Secret and write ${env:NAME}." $where) -}}
{{- end -}}
{{- if regexMatch "://[^/\"'\\s:@]*:[^$\"'\\s@/][^\"'\\s@/]*@" $text -}}
{{- fail (printf "%s: an address with a password does not belong into a ConfigMap: put it into the Secret and write ${env:NAME}." $where) -}}
{{- end -}}
{{- end -}}
