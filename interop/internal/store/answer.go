package store

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"time"

	v2 "github.com/conductorone/baton-sdk/pb/c1/connector/v2"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"c1z/interop/internal/report"
)

var deterministic = proto.MarshalOptions{Deterministic: true}

// fingerprint identifies a message by its deterministic bytes.
type fingerprint [sha256.Size]byte

func fingerprintOf(m proto.Message) (fingerprint, []byte, error) {
	raw, err := deterministic.Marshal(m)
	return sha256.Sum256(raw), raw, err
}

func (f fingerprint) hex() string { return hex.EncodeToString(f[:]) }

// ref is a resource id as dumps write it.
type ref struct {
	ID   string `json:"r"`
	Type string `json:"rt"`
}

func refOf(id *v2.ResourceId) ref { return ref{ID: id.GetResource(), Type: id.GetResourceType()} }

func (r ref) proto() *v2.ResourceId {
	return &v2.ResourceId{ResourceType: r.Type, Resource: r.ID}
}

// errorOf is the dump's form of an error: its gRPC code and its text.
func errorOf(err error) any {
	if err == nil {
		return nil
	}
	return report.Fields{"code": status.Code(err).String(), "msg": err.Error()}
}

// jsonOf is a message as JSON with proto field names; nil if it cannot be shown, as when
// it carries a message of an unknown type.
func jsonOf(m proto.Message) any {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil
	}
	var compact any
	if json.Unmarshal(text, &compact) != nil {
		return nil
	}
	return compact
}

func hexOf(raw []byte) string { return hex.EncodeToString(raw) }

func base64Of(raw []byte) string { return base64.StdEncoding.EncodeToString(raw) }

func timeOf(t *time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// sample picks at most n of the numbers below total, evenly.
func sample(total, n int) (picked []int) {
	stride := max(1, (total+n-1)/n)
	for i := 0; i < total; i += stride {
		picked = append(picked, i)
	}
	return picked
}
