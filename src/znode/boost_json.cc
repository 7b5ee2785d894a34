// The one translation unit that holds Boost.JSON's code (it is used without its shared library).
#include <boost/json/src.hpp>
