{{/* A map as TOML. Helm's own `toToml` makes fractions of YAML's whole numbers. Takes a list: the map, the tables above it. */}}
{{- define "muara.toml" -}}
{{- $above := index . 1 -}}
{{- $lines := list -}}
{{- $tables := list -}}
{{- range $key, $value := index . 0 -}}
{{- $name := include "muara.toml.key" $key -}}
{{- if kindIs "map" $value -}}
{{- $tables = append $tables (include "muara.toml" (list $value (append $above $name))) -}}
{{- else if not (kindIs "invalid" $value) -}}
{{- $lines = append $lines (printf "%s = %s\n" $name (include "muara.toml.value" $value)) -}}
{{- end -}}
{{- end -}}
{{- if and $above (or $lines (not $tables)) }}
{{ printf "[%s]" (join "." $above) }}
{{ end -}}
{{- join "" $lines -}}
{{- join "" $tables -}}
{{- end -}}

{{- define "muara.toml.key" -}}
{{- regexMatch "^[A-Za-z0-9_-]+$" . | ternary . (toJson .) -}}
{{- end -}}

{{/* Texts, numbers and truth values are written alike in JSON and TOML. */}}
{{- define "muara.toml.value" -}}
{{- $parts := list -}}
{{- if kindIs "slice" . -}}
{{- range . -}}{{- $parts = append $parts (include "muara.toml.value" .) -}}{{- end -}}
[{{ join ", " $parts }}]
{{- else if kindIs "map" . -}}
{{- range $key, $value := . -}}
{{- $parts = append $parts (printf "%s = %s" (include "muara.toml.key" $key) (include "muara.toml.value" $value)) -}}
{{- end -}}
{ {{- join ", " $parts -}} }
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end -}}
