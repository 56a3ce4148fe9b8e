// Package main is the smallest plugin of Neko. The flake's check `plugins` builds it with the server and loads it, which
// shows that plugins built this way load; no image has it.
package main

import (
	"github.com/m1k1o/neko/server/pkg/types"
	"github.com/spf13/cobra"
)

type config struct{}

func (config) Init(*cobra.Command) error { return nil }

func (config) Set() {}

type plugin struct{}

func (*plugin) Name() string { return "probe" }

func (*plugin) Config() types.PluginConfig { return config{} }

func (*plugin) Start(types.PluginManagers) error { return nil }

func (*plugin) Shutdown() error { return nil }

// Plugin is what Neko looks up. It gets a pointer to it, so this is the struct and not an interface.
var Plugin plugin
