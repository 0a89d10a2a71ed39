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

{{/* Reference of an image, from a list of the root and the image's values. */}}
{{- define "epochal.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- with $root.Values.imageRegistry }}{{ trimSuffix "/" . }}/{{ end -}}
{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{/* The operator's service account as the subject of a binding. */}}
{{- define "epochal.subjects" -}}
subjects:
- kind: ServiceAccount
  name: {{ include "epochal.serviceAccount" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end -}}
