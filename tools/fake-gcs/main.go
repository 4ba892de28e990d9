// fake-gcs-server with the writing half of Google's XML API, which upstream leaves out (fsouza/fake-gcs-server#331,
// #852): PUT, copy and multipart uploads are handed to the emulator's own JSON API, which stores and judges them.
// Objects that were put together from parts get an entity tag that is no checksum, as Google's do.
package main

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

type gateway struct {
	json    http.Handler
	mutex   sync.Mutex
	uploads map[string]map[int][]byte
	parted  map[string]bool
	next    int
}

func main() {
	host := flag.String("host", "127.0.0.1", "address to listen on")
	port := flag.Int("port", 4443, "port to listen on")
	root := flag.String("root", "", "directory to keep objects in")
	buckets := flag.String("buckets", "", "buckets to make, with commas between them")
	flag.Parse()
	address := net.JoinHostPort(*host, fmt.Sprint(*port))
	emulator, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		NoListener:  true,
		StorageRoot: *root,
		PublicHost:  address,
		ExternalURL: "http://" + address,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range strings.FieldsFunc(*buckets, func(one rune) bool { return one == ',' }) {
		emulator.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: name})
	}
	ours := &gateway{json: emulator.HTTPHandler(), uploads: map[string]map[int][]byte{}, parted: map[string]bool{}}
	log.Fatal(http.ListenAndServe(address, ours))
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	escaped := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	first, rest, found := strings.Cut(escaped, "/")
	object, err := url.PathUnescape(rest)
	if !found || rest == "" || err != nil || first == "storage" || first == "upload" || first == "download" || first == "_internal" {
		g.json.ServeHTTP(w, r)
		return
	}
	switch {
	case r.Method == http.MethodPost && query.Has("uploads"):
		g.begin(w, first, object)
	case r.Method == http.MethodPut && query.Has("uploadId"):
		g.part(w, r, query)
	case r.Method == http.MethodPost && query.Has("uploadId"):
		g.complete(w, r, first, object, query.Get("uploadId"))
	case r.Method == http.MethodDelete && query.Has("uploadId"):
		g.mutex.Lock()
		delete(g.uploads, query.Get("uploadId"))
		g.mutex.Unlock()
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut && r.Header.Get("x-goog-copy-source") != "":
		g.copy(w, r, first, object)
	case r.Method == http.MethodPut:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		g.put(w, first, object, body, r.Header.Get("x-goog-if-generation-match"))
	case r.Method == http.MethodHead:
		g.head(w, r, first, object)
	default:
		g.json.ServeHTTP(w, r)
	}
}

// head says the entity tag as the XML API does: the MD5 in hex, or nothing of the kind.
func (g *gateway) head(w http.ResponseWriter, r *http.Request, bucket, object string) {
	recorder := httptest.NewRecorder()
	g.json.ServeHTTP(recorder, r)
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	g.mutex.Lock()
	parted := g.parted[bucket+"/"+object]
	g.mutex.Unlock()
	if sum, err := base64.StdEncoding.DecodeString(strings.Trim(recorder.Header().Get("ETag"), `"`)); err == nil {
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum)+`"`)
	}
	if parted {
		w.Header().Set("ETag", `"composite"`)
	}
	w.WriteHeader(recorder.Code)
}

// put stores an object by the JSON API's simple upload; it answers as the XML API does.
func (g *gateway) put(w http.ResponseWriter, bucket, object string, body []byte, generation string) {
	query := url.Values{"uploadType": {"media"}, "name": {object}}
	if generation != "" {
		query.Set("ifGenerationMatch", generation)
	}
	target := "/upload/storage/v1/b/" + bucket + "/o?" + query.Encode()
	request := httptest.NewRequest(http.MethodPost, target, bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/octet-stream")
	g.answer(w, request)
}

func (g *gateway) copy(w http.ResponseWriter, r *http.Request, bucket, object string) {
	source, _ := url.PathUnescape(strings.TrimPrefix(r.Header.Get("x-goog-copy-source"), "/"))
	from, name, _ := strings.Cut(source, "/")
	query := url.Values{}
	if generation := r.Header.Get("x-goog-if-generation-match"); generation != "" {
		query.Set("ifGenerationMatch", generation)
	}
	target := "/storage/v1/b/" + from + "/o/" + url.PathEscape(name) +
		"/copyTo/b/" + bucket + "/o/" + url.PathEscape(object) + "?" + query.Encode()
	request := httptest.NewRequest(http.MethodPost, target, strings.NewReader("{}"))
	request.Header.Set("Content-Type", "application/json")
	g.answer(w, request)
}

func (g *gateway) answer(w http.ResponseWriter, request *http.Request) {
	recorder := httptest.NewRecorder()
	g.json.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusOK {
		w.WriteHeader(recorder.Code)
		w.Write(recorder.Body.Bytes())
		return
	}
	var stored struct {
		Generation string `json:"generation"`
		MD5        string `json:"md5Hash"`
	}
	json.Unmarshal(recorder.Body.Bytes(), &stored)
	sum, _ := base64.StdEncoding.DecodeString(stored.MD5)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum)+`"`)
	w.Header().Set("x-goog-generation", stored.Generation)
	w.WriteHeader(http.StatusOK)
}

func (g *gateway) begin(w http.ResponseWriter, bucket, object string) {
	g.mutex.Lock()
	g.next++
	id := fmt.Sprintf("upload-%d", g.next)
	g.uploads[id] = map[int][]byte{}
	g.mutex.Unlock()
	answer(w, struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		Bucket   string
		Key      string
		UploadId string
	}{Bucket: bucket, Key: object, UploadId: id})
}

func (g *gateway) part(w http.ResponseWriter, r *http.Request, query url.Values) {
	body, err := io.ReadAll(r.Body)
	var number int
	fmt.Sscan(query.Get("partNumber"), &number)
	g.mutex.Lock()
	upload, known := g.uploads[query.Get("uploadId")]
	if known && err == nil {
		upload[number] = body
	}
	g.mutex.Unlock()
	if !known || err != nil {
		http.Error(w, "no such upload", http.StatusNotFound)
		return
	}
	sum := md5.Sum(body)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
}

func (g *gateway) complete(w http.ResponseWriter, r *http.Request, bucket, object, id string) {
	var wanted struct {
		Part []struct{ PartNumber int }
	}
	g.mutex.Lock()
	upload, known := g.uploads[id]
	delete(g.uploads, id)
	g.mutex.Unlock()
	if err := xml.NewDecoder(r.Body).Decode(&wanted); err != nil || !known {
		http.Error(w, "no such upload", http.StatusNotFound)
		return
	}
	var whole bytes.Buffer
	for _, part := range wanted.Part {
		whole.Write(upload[part.PartNumber])
	}
	recorder := httptest.NewRecorder()
	g.put(recorder, bucket, object, whole.Bytes(), "")
	if recorder.Code != http.StatusOK {
		w.WriteHeader(recorder.Code)
		return
	}
	g.mutex.Lock()
	g.parted[bucket+"/"+object] = true
	g.mutex.Unlock()
	w.Header().Set("x-goog-generation", recorder.Header().Get("x-goog-generation"))
	answer(w, struct {
		XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
		Bucket  string
		Key     string
		ETag    string
	}{Bucket: bucket, Key: object, ETag: `"composite-` + id + `"`})
}

func answer(w http.ResponseWriter, value any) {
	text, _ := xml.Marshal(value)
	w.Header().Set("Content-Type", "application/xml")
	w.Write(append([]byte(xml.Header), text...))
}
