// What is wrong with a page for whoever cannot see it well, or uses no mouse: a list of sentences.
// Rules after WCAG 2.2, levels A and AA: 1.3.1, 1.4.3, 2.4.2, 2.4.6, 3.1.1, 4.1.2.
if (document.readyState !== 'complete') return null;
const faults = [];
const name = on => on.tagName.toLowerCase() + (on.className?.baseVal ?? on.className ?? '')
  .toString().split(/\s+/).filter(Boolean).map(part => '.' + part).join('');
const told = on => name(on) + ' ' + JSON.stringify((on.textContent ?? '').trim().slice(0, 40));
const all = what => [...document.querySelectorAll(what)];

if (!document.documentElement.lang) faults.push('the page has no language');
if (!document.title.trim()) faults.push('the page has no title');

// Headings: one of the first level, none left out.
const levels = all('h1,h2,h3,h4,h5,h6').map(on => Number(on.tagName[1]));
if (levels.filter(level => level === 1).length !== 1) faults.push('not one first heading');
levels.reduce((before, level) => {
  if (level > before + 1) faults.push(`a heading of level ${level} after one of ${before}`);
  return level;
}, 0);
all('h1,h2,h3').filter(on => !on.textContent.trim()).forEach(on => faults.push('an empty heading'));

// Landmarks: one main part, the way about named, and nothing outside of them.
if (all('main').length !== 1) faults.push('not one main part');
all('nav').filter(on => !on.ariaLabel).forEach(() => faults.push('a nav without a name'));
[...document.body.children].filter(on => !on.matches('nav,main,footer,script'))
  .forEach(on => faults.push('outside of all landmarks: ' + told(on)));

// Whatever can be used has a name, and stands in the order in which it is read.
const named = on => on.ariaLabel?.trim() || on.getAttribute('aria-labelledby')
  || [...(on.labels ?? [])].some(label => label.textContent.trim()) || on.textContent.trim();
all('input:not([type=hidden]),select,textarea,button,a[href]')
  .filter(on => on.tagName === 'SELECT' ? !on.labels.length : !named(on))
  .forEach(on => faults.push('without a name: ' + told(on)));
all('[role=region],[role=img]').filter(on => !on.ariaLabel && !on.getAttribute('aria-labelledby')
  && !on.querySelector(':scope > title')).forEach(on => faults.push('without a name: ' + told(on)));
all('svg:not([aria-hidden=true]):not([role=img]):not(svg svg)')
  .forEach(on => faults.push('a picture that says nothing: ' + told(on)));
all('[tabindex]').filter(on => on.tabIndex > 0).forEach(on => faults.push('order: ' + told(on)));
const ids = all('[id]').map(on => on.id);
if (new Set(ids).size !== ids.length) faults.push('an id stands twice');
all('th').filter(on => !on.scope).forEach(on => faults.push('a head of nothing: ' + told(on)));

// Contrast: 4.5 to 1, and 3 to 1 for large letters.
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
const colour = text => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = text;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, alpha / 255];
};
const over = (top, below) => [0, 1, 2].map(at => top[at] * top[3] + below[at] * (1 - top[3]));
const light = rgb => rgb.map(part => part / 255)
  .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
  .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
const ground = on => {
  if (!on) return [255, 255, 255];
  const own = colour(getComputedStyle(on).backgroundColor);
  return own[3] === 1 ? own.slice(0, 3) : over(own, ground(on.parentElement));
};
const seen = on => on.checkVisibility({ opacityProperty: true, visibilityProperty: true });
const opacity = on => on ? Number(getComputedStyle(on).opacity) * opacity(on.parentElement) : 1;
let worst = [21, ''];
for (const on of all('body *')) {
  const has = [...on.childNodes].some(part => part.nodeType === 3 && part.textContent.trim());
  if (!has || !seen(on) || on.closest('[aria-hidden=true],title,style')) continue;
  const style = getComputedStyle(on);
  const below = ground(on);
  const ink = colour(on.closest('svg') ? style.fill : style.color);
  const [one, other] = [light(over([...ink.slice(0, 3), ink[3] * opacity(on)], below)), light(below)];
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  const size = parseFloat(style.fontSize);
  const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
  if (ratio < least) faults.push(`contrast ${ratio.toFixed(2)} of ${told(on)}`);
  if (ratio < worst[0]) worst = [ratio, told(on)];
}
if (worst[0] === 21) faults.push('no text was measured');
return [...new Set(faults)];
