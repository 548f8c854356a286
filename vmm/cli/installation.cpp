#include "cli/installation.hpp"

#include "system/failure.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string_view>

namespace twofold::vmm {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view guest_suffix = ".elf";

/// The directory that holds this program's directory.
fs::path own_prefix() { return own_program().parent_path().parent_path(); }

char const* environment(char const* name) {
    char const* const value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : nullptr;
}

bool is_file(fs::path const& path) {
    std::error_code error;
    return fs::is_regular_file(path, error);
}

} // namespace

fs::path own_program() {
    static fs::path const path = [] {
        std::error_code error;
        auto found = fs::read_symlink("/proc/self/exe", error);
        if (error) throw Failure{"can't find this program's own file: is /proc mounted?"};
        return found;
    }();
    return path;
}

fs::path find_hypervisor() {
    if (char const* const named = environment("TWOFOLD_HYPERVISOR")) {
        if (fs::exists(named)) return named;
        throw Failure{fmt::format("the hypervisor's image {} is missing, which TWOFOLD_HYPERVISOR "
                                  "names",
                                  named)};
    }
    std::vector<std::string> tried;
    for (fs::path const place : {"hv/hypervisor.img", "lib/twofold/hypervisor.img"}) {
        tried.push_back((own_prefix() / place).string());
        if (is_file(tried.back())) return tried.back();
    }
    throw Failure{fmt::format("the hypervisor's image is missing; looked for {}; build it, or name "
                              "it: TWOFOLD_HYPERVISOR=FILE",
                              fmt::join(tried, " and "))};
}

std::vector<fs::path> guest_directories() {
    std::vector<fs::path> all;
    if (char const* const named = environment("TWOFOLD_GUESTS")) all.emplace_back(named);
    all.push_back(own_prefix() / "guest");
    all.push_back(own_prefix() / "lib/twofold/guests");
    return all;
}

std::vector<std::string> known_guests() {
    std::set<std::string> names;
    for (auto const& directory : guest_directories()) {
        std::error_code error;
        for (auto const& entry : fs::directory_iterator{directory, error})
            if (entry.path().extension() == guest_suffix) names.insert(entry.path().stem());
    }
    return {names.begin(), names.end()};
}

fs::path find_guest(std::string const& guest) {
    if (!guest.empty() && guest.find('/') == std::string::npos) {
        for (auto const& directory : guest_directories()) {
            auto const file = directory / (guest + std::string{guest_suffix});
            if (is_file(file)) return file;
        }
    }
    std::error_code error;
    if (!guest.empty() && fs::exists(guest, error)) return guest;
    auto const known = known_guests();
    throw Failure{fmt::format(
        "there is no guest '{}': neither a file of that name nor a kernel of "
        "the family, which has {}",
        guest, known.empty() ? "none here" : fmt::format("{}", fmt::join(known, ", ")))};
}

} // namespace twofold::vmm
