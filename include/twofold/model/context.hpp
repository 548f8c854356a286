// What tags a cached translation (Intel SDM vol. 3, "Caching Translation Information").
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/arch/bits.hpp>

#include <array>
#include <cstdint>
#include <optional>

namespace twofold {

/// The tags of linear mappings {VPID, PCID} and of combined mappings {VPID, PCID, EP4TA}.
struct Context {
    /// No processor has a PCID of that number.
    static constexpr std::uint16_t every_pcid = 0xffff;

    std::uint16_t vpid = 0;
    /// Of 12 bits.
    std::uint16_t pcid = 0;
    /// EP4TA: bits 51:12 of the EPT pointer. None where EPT is not used.
    std::optional<Hpa> ept = std::nullopt;

    /// What tags global translations, which are used under every PCID of a VPID.
    [[nodiscard]] constexpr Context of_global_pages() const { return {vpid, every_pcid, ept}; }
    [[nodiscard]] constexpr bool is_of_global_pages() const { return pcid == every_pcid; }

    friend constexpr bool operator==(Context const&, Context const&) = default;
};

/// A tag's number as it stands in keys: a multiple of 4, from 4 to 4 * `most_tags`.
using TagNumber = std::uint16_t;
inline constexpr TagNumber most_tags = 255;

/// Numbers for tags that are in use at the same time.
template <class Tag>
class TagTable {
  public:
    /// The number of `tag`, new or not. None when all numbers are given: what was cached under them
    /// must go, then forget_all.
    [[nodiscard]] constexpr std::optional<TagNumber> number(Tag const& tag) {
        TagNumber at = 0;
        while (at < count_ && tags_[at] != tag)
            ++at;
        if (at == most_tags) return std::nullopt;
        if (at == count_) tags_[count_++] = tag;
        return static_cast<TagNumber>((at + 1) * 4);
    }
    [[nodiscard]] constexpr Tag const& tag(TagNumber number) const {
        return tags_[number / 4U - 1];
    }
    constexpr void forget_all() { count_ = 0; }

  private:
    std::array<Tag, most_tags> tags_{};
    TagNumber count_ = 0;
};

/// The key of a cached translation: the address of the region that it covers, 4 KiB or more, and in
/// the low bits the number of its tag and a code for the region's size.
namespace cache_key {

constexpr std::uint64_t low_bits(TagNumber tag, unsigned size_code) {
    return std::uint64_t{tag} | size_code;
}
constexpr std::uint64_t make(std::uint64_t address, unsigned shift, std::uint64_t low_bits) {
    return (address & ~(bit(shift) - 1)) | low_bits;
}
constexpr TagNumber tag(std::uint64_t key) { return static_cast<TagNumber>(key & mask(11, 2)); }
constexpr unsigned size_code(std::uint64_t key) { return static_cast<unsigned>(key & 3); }
/// Whether the region of 2^`shift` bytes contains `address`.
constexpr bool covers(std::uint64_t key, unsigned shift, std::uint64_t address) {
    return (key ^ address) >> shift == 0;
}

} // namespace cache_key

static_assert(most_tags * 4 <= mask(11, 2));

} // namespace twofold
