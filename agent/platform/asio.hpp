#pragma once
// The one way to Boost.Asio: Asio 1.74 uses std::exchange without including <utility>, which C++20 no longer forgives.
#include <utility>

#include <boost/asio.hpp>
