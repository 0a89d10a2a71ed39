{{/* Name of all objects: the release's, with the chart's added where it does not say it. */}}
{{- define "epochal.name" -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "epochal.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* The pods of the checker: the selector of the operator must not find them. */}}
{{- define "epochal.checkerSelector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-checker
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "epochal.checkerLabels" -}}
{{ include "epochal.checkerSelector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{/* The pods of Studio: the selector of the operator must not find them. */}}
{{- define "epochal.studioSelector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-studio
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "epochal.studioLabels" -}}
{{ include "epochal.studioSelector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{/* S3 services that Studio connects to beside the chart's own: those of its values, or those of the policy without a wildcard. */}}
{{- define "epochal.studioEndpoints" -}}
{{- $endpoints := list -}}
{{- range .Values.studio.storageEndpoints | default .Values.trainingJobPolicy.storageEndpoints -}}
{{- if not (hasSuffix "*" .) }}{{ $endpoints = append $endpoints . }}{{ end -}}
{{- end -}}
{{- $endpoints | uniq | join "," -}}
{{- end -}}

{{- define "epochal.labels" -}}
{{ include "epochal.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{/* Further labels or annotations from the values as YAML; fails if they repeat a fixed key. A list: the fixed YAML, the further ones, the value's name. */}}
{{- define "epochal.further" -}}
{{- $fixed := index . 0 | fromYaml -}}
{{- range $key, $_ := index . 1 -}}
{{- if hasKey $fixed $key -}}
{{- fail (printf "%s: must not repeat a key of the chart, found %s: use another key" (index $ 2) $key) -}}
{{- end -}}
{{- end -}}
{{- toYaml (index . 1) -}}
{{- end -}}

{{- define "epochal.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "epochal.name" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* Name of the PriorityClass that the chart creates for the operator; empty without one. */}}
{{- define "epochal.priorityClass" -}}
{{- if and .Values.priorityClass.enabled (not .Values.priorityClassName) -}}
{{- $name := include "epochal.name" . -}}
{{- if hasPrefix "system-" $name -}}
{{- fail (printf "priorityClass.enabled: must be false, or the release must have another name: Kubernetes reserves names of PriorityClasses that begin with system-, found %s" $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}
{{- end -}}

{{/* Reference of an image, from a list of the root, the name of the image's values and those. */}}
{{- define "epochal.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 2 -}}
{{- $name := $image.repository -}}
{{- with $root.Values.imageRegistry }}{{ $name = printf "%s/%s" (trimSuffix "/" .) $name }}{{ end -}}
{{- if not (regexMatch "^(localhost|[^/]*[.:][^/]*)/" $name) -}}
{{- fail (printf "imageRegistry: required, such as registry.example.com/team, unless %s.repository contains a registry: found %s" (index . 1) $name) -}}
{{- end -}}
{{ $name }}{{ if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{/* Nothing, if a list of labels holds only what is anybody's to give, and no two with the same name in Prometheus. */}}
{{- define "epochal.metricLabels" -}}
{{- $names := dict -}}
{{- range . -}}
{{- if regexMatch "^([^/]*\\.)?(kubernetes\\.io|k8s\\.io|epochal\\.dev)/|^(controller-uid|job-name)$" . -}}
{{- fail (printf "metricLabels: must not contain labels by which Kubernetes or Epochal select pods, found %s" .) -}}
{{- end -}}
{{- $name := regexReplaceAll "[^a-zA-Z0-9_]" . "_" | printf "label_%s" -}}
{{- if hasKey $names $name -}}
{{- fail (printf "metricLabels: must not hold both %s and %s, which both become %s in Prometheus" (get $names $name) . $name) -}}
{{- end -}}
{{- $_ := set $names $name . -}}
{{- end -}}
{{- end -}}

{{/* Number that a quantity stands for. */}}
{{- define "epochal.number" -}}
{{- $text := toString . -}}
{{- $digits := regexFind "^[0-9.]+" $text -}}
{{- $suffix := trimPrefix $digits $text -}}
{{- if regexMatch "^[eE][+-]?[0-9]" $suffix -}}
{{- float64 $text -}}
{{- else -}}
{{- $power := regexFind "[^i]*" $suffix -}}
{{- $base := ternary 1024.0 1000.0 (hasSuffix "i" $suffix) -}}
{{- $number := float64 $digits -}}
{{- range until (index (dict "" 0 "k" 1 "K" 1 "M" 2 "G" 3 "T" 4 "P" 5 "E" 6) $power | default 0 | int) -}}
{{- $number = mulf $number $base -}}
{{- end -}}
{{- range until (index (dict "m" 1 "u" 2 "n" 3) $power | default 0 | int) -}}
{{- $number = divf $number $base -}}
{{- end -}}
{{- $number -}}
{{- end -}}
{{- end -}}

{{/* Nothing, if a container's resources are such that it can run as an operator. */}}
{{- define "epochal.resources" -}}
{{- $limits := .limits | default dict -}}
{{- range $name, $request := .requests -}}
{{- if hasKey $limits $name -}}
{{- $limit := get $limits $name -}}
{{- if gt (include "epochal.number" $request | float64) (include "epochal.number" $limit | float64) -}}
{{- fail (printf "resources.requests.%s: must be at most resources.limits.%s, found %v and %v" $name $name $request $limit) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with $limits.memory -}}
{{- if lt (include "epochal.number" . | float64) 67108864.0 -}}
{{- fail (printf "resources.limits.memory: must be at least 64Mi, found %v%s" . (ternary ": did you forget the unit, such as Mi?" "" (lt (include "epochal.number" . | float64) 1048576.0))) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Images that the policy of ModelServers admits, separated by spaces, from a list of the images of the release, the policy and the
     operator's Deployment in the cluster. After a complete rollout, only the last release can lead. The Deployment may be absent. */}}
{{- define "epochal.admittedImages" -}}
{{- $policy := index . 1 -}}
{{- $deployment := index . 2 -}}
{{- $status := $deployment.status | default dict -}}
{{- $replicas := dig "spec" "replicas" 1 $deployment | int -}}
{{- $rolledOut := and (eq (dig "metadata" "generation" 0 $deployment | int) ($status.observedGeneration | int))
    (eq $replicas ($status.updatedReplicas | int)) (eq $replicas ($status.availableReplicas | int)) (eq $replicas ($status.replicas | int)) -}}
{{- $last := dig "metadata" "annotations" "epochal.dev/images" "" $policy -}}
{{- $all := dig "metadata" "annotations" "epochal.dev/admitted-images" $last $policy -}}
{{- concat (index . 0) (ternary $last $all $rolledOut | splitList " " | compact) | uniq | join " " -}}
{{- end -}}

{{/* The matchConstraints that limit a policy to watchNamespaces; empty if the operator serves all namespaces. */}}
{{- define "epochal.watched" -}}
{{- with .Values.watchNamespaces -}}
namespaceSelector:
  matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: In
    values: {{ . | sortAlpha | toJson }}
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

{{/* What is reached by and reaches DNS and the S3 service, as egress of a NetworkPolicy: see trainerNetworkPolicy. */}}
{{- define "epochal.storageEgress" -}}
- ports:
  {{- range .dns.ports }}
  - port: {{ . }}
    protocol: UDP
  - port: {{ . }}
    protocol: TCP
  {{- end }}
  {{- with .dns.to }}
  to:
  {{- toYaml . | nindent 2 }}
  {{- end }}
- ports:
  {{- range .storage.ports }}
  - port: {{ . }}
    protocol: TCP
  {{- end }}
  to:
  {{- toYaml .storage.to | nindent 2 }}
{{- end -}}

{{/* Ingress and egress of servers, as in the spec of a NetworkPolicy, in JSON. */}}
{{- define "epochal.serverNetwork" -}}
{{- $models := dict "ports" (list (dict "port" 8080 "protocol" "TCP")) -}}
{{- with .Values.serverNetworkPolicy.from }}{{ $_ := set $models "from" . }}{{ end -}}
{{- $metrics := dict "ports" (list (dict "port" 9090 "protocol" "TCP")) -}}
{{- with .Values.serverNetworkPolicy.metricsFrom }}
{{- $operator := dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" $.Release.Namespace)) "podSelector" (dict "matchLabels" (include "epochal.selector" $ | fromYaml)) -}}
{{ $_ := set $metrics "from" (append . $operator) }}{{ end -}}
{{- $rules := dict "ingress" (list $models $metrics) -}}
{{- if .Values.trainerNetworkPolicy.enabled }}{{ $_ := set $rules "egress" (include "epochal.storageEgress" .Values.trainerNetworkPolicy | fromYamlArray) }}{{ end -}}
{{- $rules | toJson -}}
{{- end -}}

{{/* Rules for all pods that the operator writes; `containers` includes init containers. */}}
{{- define "epochal.restrictedPods" -}}
- expression: >-
    variables.settled || !(variables.pod.?hostNetwork.orValue(false) || variables.pod.?hostPID.orValue(false)
    || variables.pod.?hostIPC.orValue(false) || has(variables.pod.nodeName) || has(variables.pod.resourceClaims))
  message: "spec.template.spec: must set none of hostNetwork, hostPID, hostIPC, nodeName and resourceClaims"
- expression: variables.settled || !variables.pod.?automountServiceAccountToken.orValue(true)
  message: "spec.template.spec.automountServiceAccountToken: must be false"
- expression: >-
    variables.settled || (has(variables.pod.securityContext) && variables.pod.securityContext.?runAsNonRoot.orValue(false)
    && variables.pod.securityContext.?runAsUser.orValue(0) > 0
    && variables.pod.securityContext.?seccompProfile.?type.orValue('') == 'RuntimeDefault'
    && dyn(variables.pod.securityContext).all(key, key in ['runAsNonRoot', 'runAsUser', 'runAsGroup', 'fsGroup', 'seccompProfile']))
  message: >-
    spec.template.spec.securityContext: must set runAsNonRoot, a runAsUser other than 0 and the seccompProfile RuntimeDefault, and
    no other fields except runAsGroup and fsGroup
- expression: >-
    variables.settled || variables.containers.all(container, has(container.securityContext)
    && !container.securityContext.?allowPrivilegeEscalation.orValue(true)
    && container.securityContext.?readOnlyRootFilesystem.orValue(false)
    && container.securityContext.?capabilities.?drop.orValue([]) == ['ALL']
    && dyn(container.securityContext.?capabilities.orValue({})).all(key, key == 'drop')
    && container.securityContext.?procMount.orValue('Default') == 'Default'
    && dyn(container.securityContext).all(key, key in
    ['allowPrivilegeEscalation', 'readOnlyRootFilesystem', 'capabilities', 'procMount']))
  message: >-
    spec.template.spec.containers: must have a securityContext with allowPrivilegeEscalation false, readOnlyRootFilesystem true and
    capabilities {drop: [ALL]}, and no other fields
- expression: >-
    variables.settled || variables.containers.all(container, container.?env.orValue([]).all(variable,
    variable.name in ['EPOCHAL_PROGRESS_URL', 'EPOCHAL_ACCESS_KEY', 'EPOCHAL_SECRET_KEY', 'EPOCHAL_SESSION_TOKEN']
    && dyn(variable.?valueFrom.orValue({})).all(key, key == 'secretKeyRef')
    && variable.?valueFrom.?secretKeyRef.?key.orValue('accessKey') in ['accessKey', 'secretKey', 'sessionToken']))
  message: >-
    spec.template.spec.containers: must set no variable in env except EPOCHAL_PROGRESS_URL, EPOCHAL_ACCESS_KEY, EPOCHAL_SECRET_KEY
    and EPOCHAL_SESSION_TOKEN, and only from the keys accessKey, secretKey and sessionToken of a Secret
{{- end -}}

{{/* The operator's service account as the subject of a binding. */}}
{{- define "epochal.subjects" -}}
subjects:
- kind: ServiceAccount
  name: {{ include "epochal.serviceAccount" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end -}}
