{{/* Name of all objects: the release's, with the chart's added where it does not say it. */}}
{{- define "epochal.name" -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "epochal.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "epochal.labels" -}}
{{ include "epochal.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "epochal.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "epochal.name" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* Reference of an image, from a list of the root, the name of the image's values and those. */}}
{{- define "epochal.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 2 -}}
{{- $name := $image.repository -}}
{{- with $root.Values.imageRegistry }}{{ $name = printf "%s/%s" (trimSuffix "/" .) $name }}{{ end -}}
{{- if not (regexMatch "^(localhost|[^/]*[.:][^/]*)/" $name) -}}
{{- fail (printf "imageRegistry: name the registry that holds the images, such as registry.example.com/team, or name it in %s.repository: found %s, which is of no registry" (index . 1) $name) -}}
{{- end -}}
{{ $name }}{{ if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{/* Nothing, if no two of a list of labels have the same name in Prometheus. */}}
{{- define "epochal.metricLabels" -}}
{{- $names := dict -}}
{{- range . -}}
{{- $name := regexReplaceAll "[^a-zA-Z0-9_]" . "_" | printf "label_%s" -}}
{{- if hasKey $names $name -}}
{{- fail (printf "metricLabels: must not hold both %s and %s, which are both called %s in Prometheus" (get $names $name) . $name) -}}
{{- end -}}
{{- $_ := set $names $name . -}}
{{- end -}}
{{- end -}}

{{/* CEL that tells whether a variable `name` is one of those in a list: see trainingJobPolicy. */}}
{{- define "epochal.among" -}}
{{- range . -}}
{{ if hasSuffix "*" . }}name.startsWith('{{ trimSuffix "*" . }}'){{ else }}name == '{{ . }}'{{ end }} ||{{ " " }}
{{- end -}}
false
{{- end -}}

{{/* What a list of trainingJobPolicy says, for people. */}}
{{- define "epochal.allowed" -}}
{{- if . -}} must be one that is allowed here ({{ join ", " . }}){{- else -}} must not be set here{{- end -}}
{{- end -}}

{{/* The operator's service account as the subject of a binding. */}}
{{- define "epochal.subjects" -}}
subjects:
- kind: ServiceAccount
  name: {{ include "epochal.serviceAccount" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end -}}
