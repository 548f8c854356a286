#include "report/console_filter.hpp"

#include <twofold/abi/utf8.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace twofold::vmm {

namespace {

bool is_visible_ascii(char c) {
    return (c >= 0x20 && c <= 0x7e) || c == '\n' || c == '\t' || c == '\r';
}

/// Well-formed sequences that act on a terminal nevertheless: C1 controls (U+0080 to U+009F), and
/// the marks, embeddings, overrides and isolates that change the direction of writing.
bool acts_on_terminal(std::string_view sequence) {
    constexpr std::array<std::string_view, 12> direction{
        "\xd8\x9c",     "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xaa",
        "\xe2\x80\xab", "\xe2\x80\xac", "\xe2\x80\xad", "\xe2\x80\xae",
        "\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9"};
    bool const c1 = sequence.size() == 2 && sequence[0] == '\xc2' &&
                    static_cast<unsigned char>(sequence[1]) < 0xa0;
    return c1 || std::ranges::find(direction, sequence) != direction.end();
}

/// Whether more bytes could make a well-formed sequence of `text`.
bool may_be_continued(std::string_view text) {
    auto const lead = abi::utf8_lead(static_cast<std::uint8_t>(text.front()));
    if (text.size() >= lead.length) return false;
    for (std::size_t i = 1; i < text.size(); ++i) {
        auto const byte = static_cast<std::uint8_t>(text[i]);
        if (byte < (i == 1 ? lead.second_low : 0x80)) return false;
        if (byte > (i == 1 ? lead.second_high : 0xbf)) return false;
    }
    return true;
}

void append_escaped(std::string& to, std::string_view bytes) {
    for (char const byte : bytes)
        fmt::format_to(std::back_inserter(to), "\\x{:02x}", static_cast<unsigned char>(byte));
}

} // namespace

std::string ConsoleFilter::feed(std::string_view bytes) {
    if (raw_) return std::string{bytes};
    held_ += bytes;
    std::string shown;
    std::string_view left = held_;
    while (!left.empty()) {
        std::size_t const length = abi::utf8_sequence_length(left);
        if (length == 0 && may_be_continued(left)) break;
        std::string_view const sequence = left.substr(0, std::max<std::size_t>(length, 1));
        bool const visible = length == 1 ? is_visible_ascii(left.front())
                                         : length > 1 && !acts_on_terminal(sequence);
        if (visible) {
            shown += sequence;
        } else {
            append_escaped(shown, sequence);
        }
        left.remove_prefix(sequence.size());
    }
    held_ = std::string{left};
    return shown;
}

std::string ConsoleFilter::finish() {
    std::string shown;
    append_escaped(shown, held_);
    held_.clear();
    return shown;
}

std::string visible(std::string_view text) {
    ConsoleFilter filter;
    std::string shown = filter.feed(text);
    return shown + filter.finish();
}

} // namespace twofold::vmm
