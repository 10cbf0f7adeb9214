"""The fields of Jobs, Pods and what is in them: written by tests/rigs/kubernetes/client_fields.py.

A type, then its fields with their kinds: [kind] is a list, {kind} a mapping of texts to it.
"""

KUBERNETES = "1.37"
"""Whose fields these are."""

TABLE = """
AWSElasticBlockStoreVolumeSource
  fsType:text partition:number readOnly:flag volumeID:text
Affinity
  nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAntiAffinity
AppArmorProfile
  localhostProfile:text type:text
AzureDiskVolumeSource
  cachingMode:text diskName:text diskURI:text fsType:text kind:text readOnly:flag
AzureFileVolumeSource
  readOnly:flag secretName:text shareName:text
CSIVolumeSource
  driver:text fsType:text nodePublishSecretRef:LocalObjectReference readOnly:flag
  volumeAttributes:{text}
Capabilities
  add:[text] drop:[text]
CephFSVolumeSource
  monitors:[text] path:text readOnly:flag secretFile:text secretRef:LocalObjectReference
  user:text
CinderVolumeSource
  fsType:text readOnly:flag secretRef:LocalObjectReference volumeID:text
ClusterTrustBundleProjection
  labelSelector:LabelSelector name:text optional:flag path:text signerName:text user:number
ConfigMapEnvSource
  name:text optional:flag
ConfigMapKeySelector
  key:text name:text optional:flag
ConfigMapProjection
  items:[KeyToPath] name:text optional:flag
ConfigMapVolumeSource
  defaultMode:number defaultUser:number items:[KeyToPath] name:text optional:flag
Container
  args:[text] command:[text] env:[EnvVar] envFrom:[EnvFromSource] image:text
  imagePullPolicy:text lifecycle:Lifecycle livenessProbe:Probe name:text ports:[ContainerPort]
  readinessProbe:Probe resizePolicy:[ContainerResizePolicy] resources:ResourceRequirements
  restartPolicy:text restartPolicyRules:[ContainerRestartRule] securityContext:SecurityContext
  startupProbe:Probe stdin:flag stdinOnce:flag terminationMessagePath:text
  terminationMessagePolicy:text tty:flag volumeDevices:[VolumeDevice] volumeMounts:[VolumeMount]
  workingDir:text
ContainerPort
  containerPort:number hostIP:text hostPort:number name:text protocol:text
ContainerResizePolicy
  resourceName:text restartPolicy:text
ContainerRestartRule
  action:text exitCodes:ContainerRestartRuleOnExitCodes
ContainerRestartRuleOnExitCodes
  operator:text values:[number]
DownwardAPIProjection
  items:[DownwardAPIVolumeFile]
DownwardAPIVolumeFile
  fieldRef:ObjectFieldSelector mode:number path:text resourceFieldRef:ResourceFieldSelector
  user:number
DownwardAPIVolumeSource
  defaultMode:number defaultUser:number items:[DownwardAPIVolumeFile]
EmptyDirVolumeSource
  medium:text mode:number sizeLimit:quantity
EnvFromSource
  configMapRef:ConfigMapEnvSource prefix:text secretRef:SecretEnvSource
EnvVar
  name:text value:text valueFrom:EnvVarSource
EnvVarSource
  configMapKeyRef:ConfigMapKeySelector fieldRef:ObjectFieldSelector fileKeyRef:FileKeySelector
  resourceFieldRef:ResourceFieldSelector secretKeyRef:SecretKeySelector
EphemeralContainer
  args:[text] command:[text] env:[EnvVar] envFrom:[EnvFromSource] image:text
  imagePullPolicy:text lifecycle:Lifecycle livenessProbe:Probe name:text ports:[ContainerPort]
  readinessProbe:Probe resizePolicy:[ContainerResizePolicy] resources:ResourceRequirements
  restartPolicy:text restartPolicyRules:[ContainerRestartRule] securityContext:SecurityContext
  startupProbe:Probe stdin:flag stdinOnce:flag targetContainerName:text
  terminationMessagePath:text terminationMessagePolicy:text tty:flag
  volumeDevices:[VolumeDevice] volumeMounts:[VolumeMount] workingDir:text
EphemeralVolumeSource
  volumeClaimTemplate:PersistentVolumeClaimTemplate
EvictionResponder
  name:text priority:number
ExecAction
  command:[text]
FCVolumeSource
  fsType:text lun:number readOnly:flag targetWWNs:[text] wwids:[text]
FileKeySelector
  key:text optional:flag path:text volumeName:text
FlexVolumeSource
  driver:text fsType:text options:{text} readOnly:flag secretRef:LocalObjectReference
FlockerVolumeSource
  datasetName:text datasetUUID:text
GCEPersistentDiskVolumeSource
  fsType:text partition:number pdName:text readOnly:flag
GRPCAction
  mode:text port:number service:text
GitRepoVolumeSource
  directory:text repository:text revision:text
GlusterfsVolumeSource
  endpoints:text path:text readOnly:flag
HTTPGetAction
  host:text httpHeaders:[HTTPHeader] path:text port:port protocol:text scheme:text
HTTPHeader
  name:text value:text
HostAlias
  hostnames:[text] ip:text
HostPathVolumeSource
  path:text type:text
ISCSIVolumeSource
  chapAuthDiscovery:flag chapAuthSession:flag fsType:text initiatorName:text iqn:text
  iscsiInterface:text lun:number portals:[text] readOnly:flag secretRef:LocalObjectReference
  targetPortal:text
ImageVolumeSource
  pullPolicy:text reference:text
Job
  apiVersion:text kind:text metadata:ObjectMeta spec:JobSpec status:any
JobSchedulingConfiguration
  disruptionMode:WorkloadPodGroupDisruptionMode resourceClaims:[WorkloadPodGroupResourceClaim]
  schedulingConstraints:WorkloadPodGroupSchedulingConstraints
  schedulingPolicy:WorkloadPodGroupSchedulingPolicy
JobSpec
  activeDeadlineSeconds:number backoffLimit:number backoffLimitPerIndex:number
  completionMode:text completions:number managedBy:text manualSelector:flag
  maxFailedIndexes:number parallelism:number podFailurePolicy:PodFailurePolicy
  podReplacementPolicy:text scheduling:JobSchedulingConfiguration selector:LabelSelector
  successPolicy:SuccessPolicy suspend:flag template:PodTemplateSpec
  ttlSecondsAfterFinished:number
KeyToPath
  key:text mode:number path:text user:number
LabelSelector
  matchExpressions:[LabelSelectorRequirement] matchLabels:{text}
LabelSelectorRequirement
  key:text operator:text values:[text]
Lifecycle
  postStart:LifecycleHandler preStop:LifecycleHandler stopSignal:text
LifecycleHandler
  exec:ExecAction httpGet:HTTPGetAction sleep:SleepAction tcpSocket:TCPSocketAction
LocalObjectReference
  name:text
NFSVolumeSource
  path:text readOnly:flag server:text
NodeAffinity
  preferredDuringSchedulingIgnoredDuringExecution:[PreferredSchedulingTerm]
  requiredDuringSchedulingIgnoredDuringExecution:NodeSelector
NodeSelector
  nodeSelectorTerms:[NodeSelectorTerm]
NodeSelectorRequirement
  key:text operator:text values:[text]
NodeSelectorTerm
  matchExpressions:[NodeSelectorRequirement] matchFields:[NodeSelectorRequirement]
ObjectFieldSelector
  apiVersion:text fieldPath:text
ObjectMeta
  annotations:{text} creationTimestamp:text deletionGracePeriodSeconds:number
  deletionTimestamp:text finalizers:[text] generateName:text generation:number labels:{text}
  managedFields:[any] name:text namespace:text ownerReferences:[OwnerReference]
  resourceVersion:text selfLink:text uid:text
OwnerReference
  apiVersion:text blockOwnerDeletion:flag controller:flag kind:text name:text uid:text
PersistentVolumeClaimSpec
  accessModes:[text] dataSource:TypedLocalObjectReference dataSourceRef:TypedObjectReference
  resources:VolumeResourceRequirements selector:LabelSelector storageClassName:text
  volumeAttributesClassName:text volumeMode:text volumeName:text
PersistentVolumeClaimTemplate
  metadata:ObjectMeta spec:PersistentVolumeClaimSpec
PersistentVolumeClaimVolumeSource
  claimName:text readOnly:flag
PhotonPersistentDiskVolumeSource
  fsType:text pdID:text
Pod
  apiVersion:text kind:text metadata:ObjectMeta spec:PodSpec status:any
PodAffinity
  preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm]
  requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
PodAffinityTerm
  labelSelector:LabelSelector matchLabelKeys:[text] mismatchLabelKeys:[text]
  namespaceSelector:LabelSelector namespaces:[text] topologyKey:text
PodAntiAffinity
  preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm]
  requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
PodCertificateProjection
  certificateChainPath:text credentialBundlePath:text keyPath:text keyType:text
  maxExpirationSeconds:number signerName:text user:number userAnnotations:{text}
PodDNSConfig
  nameservers:[text] options:[PodDNSConfigOption] searches:[text]
PodDNSConfigOption
  name:text value:text
PodFailurePolicy
  rules:[PodFailurePolicyRule]
PodFailurePolicyOnExitCodesRequirement
  containerName:text operator:text values:[number]
PodFailurePolicyOnPodConditionsPattern
  status:text type:text
PodFailurePolicyRule
  action:text onExitCodes:PodFailurePolicyOnExitCodesRequirement
  onPodConditions:[PodFailurePolicyOnPodConditionsPattern]
PodOS
  name:text
PodReadinessGate
  conditionType:text
PodResourceClaim
  name:text resourceClaimName:text resourceClaimTemplateName:text
PodSchedulingGate
  name:text
PodSchedulingGroup
  podGroupName:text
PodSecurityContext
  appArmorProfile:AppArmorProfile fsGroup:number fsGroupChangePolicy:text runAsGroup:number
  runAsNonRoot:flag runAsUser:number seLinuxChangePolicy:text seLinuxOptions:SELinuxOptions
  seccompProfile:SeccompProfile supplementalGroups:[number] supplementalGroupsPolicy:text
  sysctls:[Sysctl] windowsOptions:WindowsSecurityContextOptions
PodSpec
  activeDeadlineSeconds:number affinity:Affinity automountServiceAccountToken:flag
  containers:[Container] dnsConfig:PodDNSConfig dnsPolicy:text enableServiceLinks:flag
  ephemeralContainers:[EphemeralContainer] evictionResponders:[EvictionResponder]
  hostAliases:[HostAlias] hostIPC:flag hostNetwork:flag hostPID:flag hostUsers:flag
  hostname:text hostnameOverride:text imagePullSecrets:[LocalObjectReference]
  initContainers:[Container] nodeName:text nodeSelector:{text} os:PodOS overhead:{quantity}
  preemptionPolicy:text priority:number priorityClassName:text readinessGates:[PodReadinessGate]
  resourceClaims:[PodResourceClaim] resources:ResourceRequirements restartPolicy:text
  runtimeClassName:text schedulerName:text schedulingGates:[PodSchedulingGate]
  schedulingGroup:PodSchedulingGroup securityContext:PodSecurityContext serviceAccount:text
  serviceAccountName:text setHostnameAsFQDN:flag shareProcessNamespace:flag subdomain:text
  terminationGracePeriodSeconds:number tolerations:[Toleration]
  topologySpreadConstraints:[TopologySpreadConstraint] volumes:[Volume]
PodTemplateSpec
  metadata:ObjectMeta spec:PodSpec
PortworxVolumeSource
  fsType:text readOnly:flag volumeID:text
PreferredSchedulingTerm
  preference:NodeSelectorTerm weight:number
Probe
  exec:ExecAction failureThreshold:number grpc:GRPCAction httpGet:HTTPGetAction
  initialDelaySeconds:number periodSeconds:number successThreshold:number
  tcpSocket:TCPSocketAction terminationGracePeriodSeconds:number timeoutSeconds:number
ProjectedVolumeSource
  defaultMode:number defaultUser:number sources:[VolumeProjection]
QuobyteVolumeSource
  group:text readOnly:flag registry:text tenant:text user:text volume:text
RBDVolumeSource
  fsType:text image:text keyring:text monitors:[text] pool:text readOnly:flag
  secretRef:LocalObjectReference user:text
ResourceClaim
  name:text request:text
ResourceFieldSelector
  containerName:text divisor:quantity resource:text
ResourceRequirements
  claims:[ResourceClaim] limits:{quantity} requests:{quantity}
SELinuxOptions
  level:text role:text type:text user:text
ScaleIOVolumeSource
  fsType:text gateway:text protectionDomain:text readOnly:flag secretRef:LocalObjectReference
  sslEnabled:flag storageMode:text storagePool:text system:text volumeName:text
SeccompProfile
  localhostProfile:text type:text
SecretEnvSource
  name:text optional:flag
SecretKeySelector
  key:text name:text optional:flag
SecretProjection
  items:[KeyToPath] name:text optional:flag
SecretVolumeSource
  defaultMode:number defaultUser:number items:[KeyToPath] optional:flag secretName:text
SecurityContext
  allowPrivilegeEscalation:flag appArmorProfile:AppArmorProfile capabilities:Capabilities
  privileged:flag procMount:text readOnlyRootFilesystem:flag runAsGroup:number runAsNonRoot:flag
  runAsUser:number seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile
  windowsOptions:WindowsSecurityContextOptions
ServiceAccountTokenProjection
  audience:text expirationSeconds:number path:text user:number
SleepAction
  seconds:number
StorageOSVolumeSource
  fsType:text readOnly:flag secretRef:LocalObjectReference volumeName:text volumeNamespace:text
SuccessPolicy
  rules:[SuccessPolicyRule]
SuccessPolicyRule
  succeededCount:number succeededIndexes:text
Sysctl
  name:text value:text
TCPSocketAction
  host:text port:port
Toleration
  effect:text key:text operator:text tolerationSeconds:number value:text
TopologyConstraint
  key:text
TopologySpreadConstraint
  labelSelector:LabelSelector matchLabelKeys:[text] maxSkew:number minDomains:number
  nodeAffinityPolicy:text nodeTaintsPolicy:text topologyKey:text whenUnsatisfiable:text
TypedLocalObjectReference
  apiGroup:text kind:text name:text
TypedObjectReference
  apiGroup:text kind:text name:text namespace:text
Volume
  awsElasticBlockStore:AWSElasticBlockStoreVolumeSource azureDisk:AzureDiskVolumeSource
  azureFile:AzureFileVolumeSource cephfs:CephFSVolumeSource cinder:CinderVolumeSource
  configMap:ConfigMapVolumeSource csi:CSIVolumeSource downwardAPI:DownwardAPIVolumeSource
  emptyDir:EmptyDirVolumeSource ephemeral:EphemeralVolumeSource fc:FCVolumeSource
  flexVolume:FlexVolumeSource flocker:FlockerVolumeSource
  gcePersistentDisk:GCEPersistentDiskVolumeSource gitRepo:GitRepoVolumeSource
  glusterfs:GlusterfsVolumeSource hostPath:HostPathVolumeSource image:ImageVolumeSource
  iscsi:ISCSIVolumeSource name:text nfs:NFSVolumeSource
  persistentVolumeClaim:PersistentVolumeClaimVolumeSource
  photonPersistentDisk:PhotonPersistentDiskVolumeSource portworxVolume:PortworxVolumeSource
  projected:ProjectedVolumeSource quobyte:QuobyteVolumeSource rbd:RBDVolumeSource
  scaleIO:ScaleIOVolumeSource secret:SecretVolumeSource storageos:StorageOSVolumeSource
  vsphereVolume:VsphereVirtualDiskVolumeSource
VolumeDevice
  devicePath:text name:text
VolumeMount
  bindMountOptions:[text] mountPath:text mountPropagation:text name:text readOnly:flag
  recursiveReadOnly:text subPath:text subPathExpr:text
VolumeProjection
  clusterTrustBundle:ClusterTrustBundleProjection configMap:ConfigMapProjection
  downwardAPI:DownwardAPIProjection podCertificate:PodCertificateProjection
  secret:SecretProjection serviceAccountToken:ServiceAccountTokenProjection
VolumeResourceRequirements
  limits:{quantity} requests:{quantity}
VsphereVirtualDiskVolumeSource
  fsType:text storagePolicyID:text storagePolicyName:text volumePath:text
WeightedPodAffinityTerm
  podAffinityTerm:PodAffinityTerm weight:number
WindowsSecurityContextOptions
  gmsaCredentialSpec:text gmsaCredentialSpecName:text hostProcess:flag runAsUserName:text
WorkloadPodGroupDisruptionMode
  all:any single:any
WorkloadPodGroupGangSchedulingPolicy
  minCount:number
WorkloadPodGroupResourceClaim
  name:text resourceClaimName:text resourceClaimTemplateName:text
WorkloadPodGroupSchedulingConstraints
  topology:[TopologyConstraint]
WorkloadPodGroupSchedulingPolicy
  basic:any gang:WorkloadPodGroupGangSchedulingPolicy
"""
