// All spaces over one pool, in the order in which they came to be: for the scanners that merge,
// promote and reclaim in the background, and for the reverse map.
#pragma once

#include <boost/intrusive/list.hpp>

#include <cstdint>

namespace twofold {

/// What makes a space a member of a registry. It leaves when it ends, and a space that is moved
/// hands its place on.
class SpaceLink : public boost::intrusive::list_base_hook<
                      boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    SpaceLink() = default;
    SpaceLink(SpaceLink&& other) noexcept : id_(other.id_) { swap_nodes(other); }
    SpaceLink& operator=(SpaceLink&&) = delete;
    ~SpaceLink() = default;

    /// Different for each space that a registry ever had, ascending; 0: in no registry.
    [[nodiscard]] std::uint32_t id() const { return id_; }

  private:
    friend class SpaceRegistry;
    std::uint32_t id_ = 0;
};

/// Owns nothing. Ends after its members. Not thread-safe.
class SpaceRegistry {
  public:
    using List = boost::intrusive::list<SpaceLink, boost::intrusive::constant_time_size<false>>;

    SpaceRegistry() = default;
    SpaceRegistry(SpaceRegistry const&) = delete;
    SpaceRegistry& operator=(SpaceRegistry const&) = delete;

    /// `space` must be in no registry.
    void add(SpaceLink& space) {
        space.id_ = ++last_id_;
        list_.push_back(space);
    }

    /// The member with this id, or nothing. A step a member.
    [[nodiscard]] SpaceLink* find(std::uint32_t id) {
        SpaceLink* const found = at_or_after(id);
        return found != nullptr && found->id() == id ? found : nullptr;
    }
    /// The first member whose id is `id` or more, or nothing.
    [[nodiscard]] SpaceLink* at_or_after(std::uint32_t id) {
        for (SpaceLink& space : list_) {
            if (space.id() >= id) return &space;
        }
        return nullptr;
    }

    [[nodiscard]] List::iterator begin() { return list_.begin(); }
    [[nodiscard]] List::iterator end() { return list_.end(); }

  private:
    List list_;
    std::uint32_t last_id_ = 0;
};

} // namespace twofold
