#include "engine/bochs_trace.hpp"

#include "system/failure.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

namespace twofold::vmm {

namespace {

/// The text after the first `marker`; nothing if there is none.
std::optional<std::string_view> after(std::string_view text, std::string_view marker) {
    auto const at = text.find(marker);
    if (at == std::string_view::npos) return std::nullopt;
    return text.substr(at + marker.size());
}

/// Takes "0x" and the digits behind it from the front of `text`.
std::optional<std::uint64_t> take_hexadecimal(std::string_view& text) {
    if (!text.starts_with("0x")) return std::nullopt;
    std::uint64_t value = 0;
    char const* const last = text.data() + text.size();
    auto const [rest, error] = std::from_chars(text.data() + 2, last, value, 16);
    if (error != std::errc{}) return std::nullopt;
    text = {rest, last};
    return value;
}

/// One word of 32 bits, or two with the upper one first.
std::optional<std::uint64_t> take_entry(std::string_view& text) {
    auto entry = take_hexadecimal(text);
    if (!entry || !text.starts_with(" 0x")) return entry;
    text.remove_prefix(1);
    auto const low = take_hexadecimal(text);
    if (!low) return std::nullopt;
    return *entry << 32 | *low;
}

std::optional<unsigned> level_of_tag(std::string_view tag) {
    if (tag == "PTE") return 1;
    if (tag == "PDE") return 2;
    if (tag == "PDPTE") return 3;
    if (tag == "PML4E") return 4;
    if (tag == "PML5E") return 5;
    return std::nullopt;
}

/// Far more than a load's walk needs, even when it starts again after each of its violations.
constexpr std::size_t most_references = 10'000;

} // namespace

std::optional<TracedAccess> parse_traced_access(std::string_view line) {
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r'))
        line.remove_suffix(1);
    bool const write = line.find(" WR]: PHY ") != std::string_view::npos;
    auto rest = after(line, write ? " WR]: PHY " : " RD]: PHY ");
    if (!line.starts_with("[CPU") || !rest) return std::nullopt;

    auto const address = take_hexadecimal(*rest);
    rest = after(*rest, "): ");
    if (!address || !rest) return std::nullopt;
    auto const entry = take_entry(*rest);
    auto tag = after(*rest, "; ");
    if (!entry || !tag) return std::nullopt;

    constexpr std::string_view ept_prefix = "EPT ";
    bool const ept = tag->starts_with(ept_prefix);
    if (ept) tag->remove_prefix(ept_prefix.size());
    auto const level = level_of_tag(*tag);
    if (!level) return std::nullopt;
    return TracedAccess{ept ? Dimension::ept : Dimension::guest, *level, write, *address, *entry};
}

void TraceReader::add_line(std::string_view line) {
    if (line.starts_with("Memory-Tracing enabled")) {
        open_.emplace();
    } else if (line.starts_with("Memory-Tracing disabled") && open_) {
        windows_.push_back(*std::exchange(open_, std::nullopt));
    }
    if (!open_) return;
    auto const access = parse_traced_access(line);
    if (!access) return;
    (access->write ? open_->write_backs : open_->references).push_back(*access);
    if (open_->references.size() > most_references) {
        throw Failure{fmt::format("the guest's window {} does not end: it must be closed by a "
                                  "second xchg %bx,%bx right after the access",
                                  windows_.size() + 1)};
    }
}

} // namespace twofold::vmm
