// Checks proofs of the audit trail with Go's own implementation of signed notes and transparency logs. It knows the public
// key of the log and nothing else.
//
// Each line of standard input is a proof as JSON. For each, a line of standard output is "ok", or why it is refused.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type input struct {
	Key string `json:"key"`
	// The text of a tlog-proof, or of a consistency proof with the checkpoint of the older log.
	Inclusion       string `json:"inclusion"`
	Consistency     string `json:"consistency"`
	OlderCheckpoint string `json:"olderCheckpoint"`
}

type checkpoint struct {
	origin string
	size   int64
	root   tlog.Hash
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		if err := check(lines.Bytes()); err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("ok")
		}
	}
}

func check(line []byte) error {
	var in input
	if err := json.Unmarshal(line, &in); err != nil {
		return err
	}
	if in.Inclusion != "" {
		return checkInclusion(in)
	}
	return checkConsistency(in)
}

func checkInclusion(in input) error {
	head, signed, found := strings.Cut(in.Inclusion, "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a tlog-proof")
	}
	extra, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return err
	}
	var proven struct {
		Entry string `json:"entry"`
	}
	if err := json.Unmarshal(extra, &proven); err != nil {
		return err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return err
	}
	path, err := hashes(lines[3:])
	if err != nil {
		return err
	}
	log, err := open(signed, in.Key)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(path, log.size, log.root, index, tlog.RecordHash([]byte(proven.Entry)))
}

func checkConsistency(in input) error {
	head, signed, found := strings.Cut(in.Consistency, "\n\n")
	lines := strings.Split(head, "\n")
	if !found || !strings.HasPrefix(lines[0], "old ") {
		return errors.New("not a consistency proof")
	}
	path, err := hashes(lines[1:])
	if err != nil {
		return err
	}
	log, err := open(signed, in.Key)
	if err != nil {
		return err
	}
	older, err := open(in.OlderCheckpoint, in.Key)
	if err != nil {
		return err
	}
	if lines[0] != fmt.Sprintf("old %d", older.size) {
		return errors.New("a proof for another size")
	}
	return tlog.CheckTree(path, log.size, log.root, older.size, older.root)
}

func open(signed string, key string) (checkpoint, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return checkpoint{}, err
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return checkpoint{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return checkpoint{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return checkpoint{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return checkpoint{lines[0], size, root}, err
}

func hashes(lines []string) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		found = append(found, hash)
	}
	return found, nil
}
