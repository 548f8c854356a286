// What `twofold walk` is asked for.
#pragma once

#include "cli/launch_options.hpp"
#include "tables/address_selection.hpp"

#include <twofold/arch/access.hpp>

#include <CLI/CLI.hpp>

#include <string>

namespace twofold::vmm {

struct WalkOptions {
    LaunchOptions launch;
    std::string json;
    std::string plot;
    bool check = false;
    bool quiet = false;
    AddressSelection selection;
    std::string access = "read";
    /// Where the tables are written.
    std::string tables;

    /// The options that choose addresses; `command` has the others already.
    void add_selection_to(CLI::App& command);
    /// The guest's tables are walked when it has ended, not when it asks.
    [[nodiscard]] bool walks_tables() const { return selection.any() || !tables.empty(); }
    /// Of --access. Throws UsageError.
    [[nodiscard]] Access wanted_access() const;
};

} // namespace twofold::vmm
