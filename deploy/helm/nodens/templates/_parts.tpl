{{- define "nodens.labels" -}}
k8s-app: nodens
app.kubernetes.io/name: nodens
{{- end }}

{{- define "nodens.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "nodens.upstreamPorts" -}}
- name: dns
  port: 53
  protocol: UDP
  targetPort: {{ .Values.upstream.port }}
- name: dns-tcp
  port: 53
  protocol: TCP
  targetPort: {{ .Values.upstream.port }}
{{- end }}

{{- define "nodens.forwardToCluster" -}}
errors
cache 30
reload
loop
bind __PILLAR__LOCAL__DNS__
forward . __PILLAR__CLUSTER__DNS__ {
    force_tcp
}
prometheus __PROMETHEUS__ENDPOINT__
{{- end }}

{{- define "nodens.cache" -}}
cache {
    success 9984 30
    denial 9984 5
    prefetch 1 1h 50%
    serve_stale 1h verify
}
{{- end }}
