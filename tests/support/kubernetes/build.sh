#!/usr/bin/env bash
# build.sh FOLDER: build the binaries of Kubernetes 1.20.2 from Debian 12's source package `kubernetes`, which has the
# whole tree with its dependencies. It needs apt and nothing else; nothing is installed. It takes 3 to 7 minutes on two
# cores, and leaves in FOLDER/bin the API server, the controllers, the scheduler, the kubelet, the proxy, kubectl, etcd and
# conntrack. All else is made in a folder beside it and removed, so FOLDER/bin is complete or not there.
set -euo pipefail
folder="${1:?build.sh: name the folder for the binaries}"
mkdir -p "$folder"
folder="$(cd "$folder" && pwd)"
[ ! -d "$folder/bin" ] || exit 0
work="$folder/work"
rm -rf "$work"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{packages,root,source,bin,parts,lists/partial,cache/archives/partial,go/src/k8s.io}
cd "$work"

# The machine's own Debian sources, with source packages.
for sources in /etc/apt/sources.list.d/*.sources; do
  [ ! -f "$sources" ] || sed 's/^Types: deb$/Types: deb deb-src/' "$sources" >"parts/${sources##*/}"
done
[ ! -f /etc/apt/sources.list ] || sed -n 's/^deb \(.*\)/deb \1\ndeb-src \1/p' /etc/apt/sources.list >parts/main.list
apt=(apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/parts" -o "Dir::State::lists=$work/lists"
  -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
"${apt[@]}" update
(
  cd packages
  "${apt[@]}" download golang-1.19-go golang-1.19-src golang-github-modern-go-reflect2-dev etcd-server conntrack kubernetes-client
  for package in *.deb; do dpkg -x "$package" ../root; done
)
(cd source && "${apt[@]}" source --download-only kubernetes && tar xzf kubernetes_*.orig.tar.gz)
tree="$work/go/src/k8s.io/kubernetes"
mv source/kubernetes-1.20.2 "$tree"

# reflect2 1.0.1, which the tree has, does not run when built by Go 1.18 or newer; Debian ships 1.0.2.
reflect="$tree/vendor/github.com/modern-go/reflect2"
rm -f "$reflect"/*.go "$reflect"/*.s
cp root/usr/share/gocode/src/github.com/modern-go/reflect2/*.{go,s} "$reflect/"
rm -f "$reflect"/*_test.go

export GOROOT="$work/root/usr/lib/go-1.19" GOPATH="$work/go" GOCACHE="$work/go-cache" GO111MODULE=off GOPROXY=off CGO_ENABLED=0
export PATH="$GOROOT/bin:$PATH"
cd "$tree"
# The API server's description of its types is generated, and not in the tree.
go build -o "$work/openapi-gen" k8s.io/kubernetes/vendor/k8s.io/kube-openapi/cmd/openapi-gen
described="$(grep -rl '+k8s:openapi-gen=' --include=*.go -s cmd pkg plugin staging/src/k8s.io \
  | grep -Ev 'code-generator/|sample-apiserver/|_test.go|zz_generated|/generators/' | xargs -n1 dirname | sort -u \
  | sed 's#^staging/src/#k8s.io/kubernetes/vendor/#; t; s#^#k8s.io/kubernetes/#' | paste -sd,)"
"$work/openapi-gen" --logtostderr -i "$described" -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi \
  -h hack/boilerplate/boilerplate.generatego.txt -r "$work/violations.txt"
version=""
for package in component-base/version client-go/pkg/version; do
  name="k8s.io/kubernetes/vendor/k8s.io/$package"
  version="$version -X $name.gitVersion=v1.20.2 -X $name.gitMajor=1 -X $name.gitMinor=20"
done
go build -tags providerless -ldflags "-s -w $version" -o "$work/bin/" \
  k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kube-scheduler,kubelet,kube-proxy}
cp "$work"/root/usr/bin/{kubectl,etcd} "$work"/root/usr/sbin/conntrack "$work/bin/"
mv "$work/bin" "$folder/bin"
